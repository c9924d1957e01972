/** The names of all evaluations, in the order in which reports show them: those that measure, then those that show and use. */
export const evaluationNames = [
  ...['knn', 'linear', 'logistic', 'finetune', 'cluster', 'masks', 'retrieval', 'copies', 'video'],
  ...['attend', 'map', 'embed', 'search', 'dedupe'],
] as const;
export type EvaluationName = (typeof evaluationNames)[number];
