/**
 * What `dino devices --install` fetches: wheels of Python packages, of each one version, known by its checksum. The checksums are
 * those that the Python Package Index gives; a file with another one is not unpacked.
 */

export interface Wheel {
  /** Of the package. */
  readonly name: string;
  readonly version: string;
  readonly sha256: string;
}

export interface Installable {
  readonly name: 'cuda13' | 'tpu' | 'cpu';
  readonly wheels: readonly Wheel[];
  /** Of a wheel's files those that are unpacked, besides its licenses. */
  readonly wanted: RegExp;
  /** The plugin in the folder. */
  readonly file: string;
  /** "2.2 GB are fetched, 3.1 GB stay" */
  readonly size: string;
  /** How to get it without this command. */
  readonly manual: string;
  /** Whose terms hold for what is fetched. */
  readonly terms: string;
}

const wheel = (name: string, version: string, sha256: string): Wheel => ({ name, version, sha256 });

/** For Linux on x64. */
export const installables: readonly Installable[] = [
  {
    name: 'cuda13',
    wheels: [
      ['jax-cuda13-pjrt', '0.8.3', 'e0e7ac14ad4c6cb00dd1ef2b522b52eb61bfe89ecbc22b63f4b509842ac9b3de'],
      ['nvidia-cuda-runtime', '13.0.96', '7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548'],
      ['nvidia-cuda-nvrtc', '13.0.88', 'ad9b6d2ead2435f11cbb6868809d2adeeee302e9bb94bcf0539c7a40d80e8575'],
      ['nvidia-cuda-nvcc', '13.0.88', '56fe502eb77625a12f25172caa3cdddb4e4c8ba2c8c17dba44b164761b380f03'],
      ['nvidia-nvvm', '13.0.88', 'c5f41ffeb6466944a026dfa5317d7d85355c119bbec279205d22f1869d1054e0'],
      ['nvidia-cuda-cupti', '13.0.85', '4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8'],
      ['nvidia-nvjitlink', '13.4.92', 'e0391f24ed94ec879b84e3da4d4ec320c879aff681f2c7a638462f7199284323'],
      ['nvidia-cublas', '13.1.1.3', '37936a16db8fe4ac1f065c2139360608a543a09275cb1a1af612e08cfa065436'],
      ['nvidia-cusparse', '12.6.3.3', '2b3c89c88d01ee0e477cb7f82ef60a11a4bcd57b6b87c33f789350b59759360b'],
      ['nvidia-cusolver', '12.0.4.66', '0a759da5dea5c0ea10fd307de75cdeb59e7ea4fcb8add0924859b944babf1112'],
      ['nvidia-cufft', '12.0.0.61', '6c44f692dce8fd5ffd3e3df134b6cdb9c2f72d99cf40b62c32dde45eea9ddad3'],
      ['nvidia-nccl-cu13', '2.30.7', 'cefa7fdb9710efd0f39c5f1be1d61ff6fc9a996c451265bd7fbdcf9455ed4b50'],
      ['nvidia-nvshmem-cu13', '3.4.5', '290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80'],
      ['nvidia-cudnn-cu13', '9.24.0.43', '71f181cd810e90f9b6023b01186fe82d13d65f0ec098581ee201d39fad769e4b'],
    ].map(([name = '', version = '', sha256 = '']) => wheel(name, version, sha256)),
    // The plugin, libraries but those that nothing here calls, and what XLA compiles with.
    wanted:
      /^jax_plugins\/.*\.so$|^nvidia\/\w+\/lib\/(?!libcusolverMg|libnvblas|libcufftw|.*\.alt\.)[^/]+\.so(\.\d+)*$|^nvidia\/cu13\/(bin\/(ptxas|nvlink|fatbinary)|nvvm\/libdevice\/[^/]+)$/,
    file: 'jax_plugins/xla_cuda13/xla_cuda_plugin.so',
    size: 'about 2.3 GB are fetched, 3 GB stay',
    manual:
      'pip install "jax[cuda13]" puts it where dino finds it; the file of one elsewhere goes behind --pjrt_plugin',
    terms: "The plugin is XLA's (Apache 2.0), its libraries are NVIDIA's, under NVIDIA's license",
  },
  {
    name: 'tpu',
    wheels: [wheel('libtpu', '0.0.42.1', '4d9975c446f594b0b517510b3db2fc9df65acd9a08f253c638fff5eb6bce163e')],
    wanted: /^libtpu\/libtpu\.so$/,
    file: 'libtpu/libtpu.so',
    size: '213 MB are fetched, 693 MB stay',
    manual:
      'pip install libtpu puts it where dino finds it; the file of one elsewhere goes behind --pjrt_plugin',
    terms: "libtpu is Google's, under the terms of service of Google Cloud",
  },
  {
    name: 'cpu',
    wheels: [
      wheel('tensorflow-cpu', '2.21.0', '2b847d217b02ee7731ed91431daf3250daa0196c3c94614d23be27232e6e5b6c'),
    ],
    wanted: /^tensorflow\/(libtensorflow_(cc|framework)\.so\.2|include\/.*)$/,
    file: 'libpjrt_cpu.so',
    size: '274 MB are fetched, 815 MB stay; two minutes of compiling',
    manual:
      'build native/pjrt-cpu/plugin.cc of this package with the headers and libraries of a tensorflow-cpu wheel, and give its file behind --pjrt_plugin',
    terms: "XLA is TensorFlow's (Apache 2.0)",
  },
];
