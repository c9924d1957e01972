/**
 * What a method says of itself before there is a network: its options and what the recipes take for them, the crops it wants,
 * its schedules, and what the doctor says of its settings. `train/` joins this with the options that every training has, and
 * names no method: those that there are stand in `registry.ts`.
 */
import type { z } from 'zod';
import type { CropRecipe } from '../image/augment.ts';
import type { BackboneConfig } from '../model/backbone.ts';
import type { OptimizerName, UpdateRule } from '../optim/rules.ts';
import type { Method, Verdict } from './method.ts';

export type Fields = Readonly<Record<string, z.ZodType>>;

/** Options by what they are about, for the help. */
export interface OptionGroup {
  readonly title: string;
  readonly fields: Fields;
}

type Value = string | number | boolean | readonly number[];
/** Values by option, each with its reason. */
export type Suggestions = Readonly<Record<string, readonly [value: Value, reason: string]>>;

export const official = 'official default';

/** What a method's part of a recipe goes by. */
export interface RecipeFacts {
  readonly recipe: 'auto' | 'paper';
  /** Images in the source. */
  readonly images: number;
  /** Its kind: the automatic recipe treats all ViTs alike. */
  readonly network: 'hybrid' | 'convnet' | 'vit';
  /** Side of the smaller crops, should there be some, pixels. */
  readonly local: number;
  /** Whether all images of a step are in one program, so that they may depend on each other. */
  readonly wholeBatch: boolean;
  /** Images in a step. */
  readonly batch: number;
  /** Steps of the run; a guess while a budget in minutes is still to be measured. */
  readonly steps: number;
  /** Steps of warm-up that the recipe suggests. */
  readonly warmup: number;
  /** What a run that does not begin from nothing begins with. */
  readonly begins?: 'checkpoint' | 'backbone' | undefined;
}

/** What the objective is made for. */
export interface Setup {
  readonly backbone: BackboneConfig;
  /** Sides of the views in pixels, in order. */
  readonly viewSizes: readonly number[];
  readonly dropPathRate: number;
  /** Images in a step. */
  readonly batch: number;
}

/** The length of a schedule. */
export interface Span {
  readonly steps: number;
  readonly stepsPerEpoch: number;
}

/** Scheduled numbers of a step that are the method's own. */
export interface MethodNumbers {
  /** Momentum of the moving average; 0 where there is none. */
  readonly teacherMomentum: number;
  /** Whether the teacher becomes what the student was before this update, in place of an average after it. */
  readonly teacherLags?: boolean;
  /** Whether what the method calls its last layer stays as it is. */
  readonly freezeLastLayer: boolean;
  /** What the objective asks for by name. */
  readonly scalars: Readonly<Record<string, number>>;
}

/** What the doctor knows of a run before its first step. */
export interface RunPlan extends Span {
  /** Images in a step. */
  readonly batch: number;
  /** In the data, where that is known. */
  readonly images?: number | undefined;
  readonly crops: CropRecipe;
}

/** Something to say of settings. */
export interface Concern extends Verdict {
  readonly topic: string;
}

/** The method with one component left out or another in its place, to see what the component is for (`dino ablate`). */
export interface Variant {
  /** By which it is asked for; also the name of its run folder. */
  readonly name: string;
  /** What is different, in a few words: "no momentum". */
  readonly title: string;
  /** Where it comes from: "Table 7, row 2". */
  readonly source: string;
  /** What is given beside the base's options. */
  readonly options: OwnOptions;
  /** Its name in the figure of collapses, where it has a line there. */
  readonly collapse?: string;
}

/** The options of a method as they stand in a config among others; each function reads its own. */
export type OwnOptions = Readonly<Record<string, unknown>>;

export interface MethodDefinition {
  readonly name: string;
  /** As it is written inside a sentence: "DINO". */
  readonly label: string;
  /** Authors and year of its paper. */
  readonly paper: string;
  /** What it does, in a sentence. */
  readonly about: string;
  readonly groups: readonly OptionGroup[];
  /** Groups of options that say one thing in several ways: in epochs or in steps. */
  readonly spans: readonly (readonly string[])[];
  /** Options of every training that say nothing to this method. */
  readonly meaningless: readonly string[];
  /** Options of its own that shape its networks: another run that begins with them has the same. */
  readonly shaping: readonly string[];
  /** Whether a moving average of the student is trained beside it, which is then what is evaluated and exported. */
  readonly hasTeacher: boolean;
  /**
   * The option that names the weights of a network which stays as it is, where the method has one. A config also holds which
   * network they are, and their fingerprint (`frozenOptions`).
   */
  readonly frozen?: string;
  /** What it trains where no architecture is given, if that is not what the recipe trains. */
  readonly usualArch?: 'vit';
  /** Whether the learning rate comes to its base value once, as in MAE's code, and not twice, as in DINO's. */
  readonly rateMeetsBaseOnce?: boolean;
  /** The rule of an optimizer, where its numbers are not the usual ones. */
  rule?(optimizer: OptimizerName): UpdateRule;
  /** Its options as a config holds them: all of them, with defaults for what runs of earlier versions lack. */
  readonly stored: z.ZodObject;
  /** Its part of a recipe; what it says of options that every training has comes before what the recipe says. */
  suggest(facts: RecipeFacts): Suggestions;
  /** What is particular about its crops, beside what the options say. */
  crops(config: OwnOptions, usual: CropRecipe): Partial<CropRecipe>;
  /** Share of a view that the network reads in training, by which its time is estimated; all of it unless given. */
  seenShare(config: OwnOptions): number;
  /** The network that it trains, where that is not quite the one that the options of all trainings describe. */
  network(config: OwnOptions, usual: BackboneConfig): BackboneConfig;
  make(config: OwnOptions, setup: Setup): Method;
  /** The numbers of a step, counted from 0, at a place of the schedule, which may lie between two steps of it. */
  schedule(config: OwnOptions, span: Span): (position: number, step: number) => MethodNumbers;
  /** What the doctor says of its settings before the first step. */
  examine(config: OwnOptions, plan: RunPlan): readonly Concern[];
  /** Its networks besides the backbone, in a few words: "head: K 256, hidden 512, bottleneck 128". */
  describe(config: OwnOptions): string;
  /** What can be taken away or exchanged; none of them where the options already say the same. */
  readonly variants?: readonly Variant[];
  /** Whether full training checkpoints of the official code of DINO are its own, and go on as runs of it. */
  readonly readsOfficial?: boolean;
  /** Reads what checkpoints of earlier versions keep of the latest steps as today's do. */
  readOlder?(stored: unknown): unknown;
}

/** The option that holds the fingerprint of the frozen network which another option names. */
export function fingerprintOption(option: string): string {
  return `${option}Fingerprint`;
}

/** What a config holds of the frozen network that an option names. */
export function frozenOptions(
  option: string,
  { network, fingerprint }: { readonly network: object; readonly fingerprint: string },
): OwnOptions {
  return { [`${option}Network`]: network, [fingerprintOption(option)]: fingerprint };
}

type OptionsOf<Stored extends z.ZodObject> = z.infer<Stored>;

/** A definition, with options of one type. */
export interface MethodSpec<Stored extends z.ZodObject>
  extends Omit<
    MethodDefinition,
    | 'spans'
    | 'hasTeacher'
    | 'stored'
    | 'crops'
    | 'seenShare'
    | 'network'
    | 'make'
    | 'schedule'
    | 'examine'
    | 'describe'
  > {
  readonly spans?: MethodDefinition['spans'];
  readonly hasTeacher?: boolean;
  readonly stored: Stored;
  crops?(options: OptionsOf<Stored>, usual: CropRecipe): Partial<CropRecipe>;
  seenShare?(options: OptionsOf<Stored>): number;
  network?(options: OptionsOf<Stored>, usual: BackboneConfig): BackboneConfig;
  make(options: OptionsOf<Stored>, setup: Setup): Method;
  /** What is left out is as in a method that schedules nothing. */
  schedule?(
    options: OptionsOf<Stored>,
    span: Span,
  ): (position: number, step: number) => Partial<MethodNumbers>;
  examine?(options: OptionsOf<Stored>, plan: RunPlan): readonly Concern[];
  describe(options: OptionsOf<Stored>): string;
}

/** The numbers of a method that schedules nothing. */
const still: MethodNumbers = { teacherMomentum: 0, freezeLastLayer: false, scalars: {} };

/** A definition from a spec; what is left out there is not there: no teacher, no schedule, nothing to say of settings. */
export function defineMethod<Stored extends z.ZodObject>(spec: MethodSpec<Stored>): MethodDefinition {
  const read = (config: OwnOptions): OptionsOf<Stored> => spec.stored.parse(config);
  return {
    spans: [],
    hasTeacher: false,
    ...spec,
    crops: (config, usual) => spec.crops?.(read(config), usual) ?? {},
    seenShare: (config) => spec.seenShare?.(read(config)) ?? 1,
    network: (config, usual) => spec.network?.(read(config), usual) ?? usual,
    make: (config, setup) => spec.make(read(config), setup),
    schedule: (config, span) => {
      const numbers = spec.schedule?.(read(config), span);
      return (position, step) => ({ ...still, ...numbers?.(position, step) });
    },
    examine: (config, plan) => spec.examine?.(read(config), plan) ?? [],
    describe: (config) => spec.describe(read(config)),
  };
}
