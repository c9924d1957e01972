"""Images of a folder or a tar file as a dataset: encoded bytes in memory, decoded on each visit by PIL."""
import io
import tarfile
from pathlib import Path, PurePosixPath

from PIL import Image
from torch.utils.data import Dataset

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


def read_members(path):
    """(name, bytes) of every image under a folder or in a tar file, sorted by name."""
    path = Path(path)
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in ENDINGS)
        return [(p.relative_to(path).as_posix(), p.read_bytes()) for p in files]
    with tarfile.open(path) as archive:
        members = [
            (member.name, archive.extractfile(member).read())
            for member in archive
            if member.isfile() and member.name.lower().endswith(ENDINGS)
        ]
    return sorted(members)


class Images(Dataset):
    """Item = (transform(image), label); the label numbers the name of the folder that holds the image."""

    def __init__(self, path, transform):
        members = read_members(path)
        if not members:
            raise ValueError(f"{path} holds no image ({', '.join(ENDINGS)}): name a folder or a tar file of images")
        self.transform = transform
        self.encoded = [data for _, data in members]
        folders = [PurePosixPath(name).parent.name for name, _ in members]
        self.classes = sorted(set(folders))
        number = {name: i for i, name in enumerate(self.classes)}
        self.labels = [number[folder] for folder in folders]

    def __len__(self):
        return len(self.encoded)

    def __getitem__(self, index):
        image = Image.open(io.BytesIO(self.encoded[index])).convert("RGB")
        return self.transform(image), self.labels[index]
