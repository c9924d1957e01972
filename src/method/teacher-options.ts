/** What methods whose teacher is a moving average of the student have in common: how fast it follows, and when it cannot. */
import type { Concern, RecipeFacts, Suggestions } from './definition.ts';

/**
 * The momentum for a run of so many steps: a window of a twentieth of it, at least 50 steps and at most the official 250. A network
 * that knows something already is to outlast its fresh head.
 */
export function teacherMomentum({ steps, begins }: Pick<RecipeFacts, 'steps' | 'begins'>): Suggestions {
  const window = Math.min(Math.max(steps / 20, 50), 250);
  const momentum = Math.round((1 - 1 / window) * 1000) / 1000;
  return {
    momentumTeacher:
      begins === 'backbone'
        ? [Math.max(0.998, momentum), 'slow, so that the teacher outlasts the fresh head']
        : [momentum, 'the teacher averages over about a twentieth of the run'],
  };
}

/** What is said of a teacher that cannot follow. */
export function momentumConcerns(momentum: number): readonly Concern[] {
  if (momentum !== 1) return [];
  return [
    {
      severity: 'warning',
      topic: 'momentum',
      title: 'The teacher never moves',
      detail:
        '--momentum_teacher 1 keeps the teacher at its random start, and the teacher is what is evaluated and exported.',
      advice: 'Give a value below 1: 0.99 for short runs, 0.996 for long ones.',
    },
  ];
}
