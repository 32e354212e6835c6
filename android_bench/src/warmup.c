#include "warmup.h"

warmup_rule warmup_defaults(void) { return (warmup_rule){0.1, 0.005, 0.04, 40, 30, 250000000, 8000000000, 100}; }

warmup warmup_start(warmup_rule rule) { return (warmup){.rule = rule}; }

bool warmup_done(const warmup *state) {
  bool given_up = state->ns >= state->rule.max_ns && state->runs >= state->rule.fair_runs;
  return state->converged || given_up || state->rule.max_ns == 0;
}

void warmup_add(warmup *state, int64_t ns) {
  const warmup_rule *rule = &state->rule;
  if (state->runs == 0) {
    state->fast = state->slow = (double)ns;
  } else {
    state->fast += rule->fast * ((double)ns - state->fast);
    state->slow += rule->slow * ((double)ns - state->slow);
  }
  state->runs++;
  state->ns += ns;
  double apart = state->fast / (state->slow > 1 ? state->slow : 1) - 1;
  bool close = state->runs > 1 && apart < rule->tolerance && -apart < rule->tolerance;
  state->similar = close ? state->similar + 1 : 0;
  state->converged = state->runs >= rule->min_runs && state->ns >= rule->min_ns && state->similar > rule->similar_runs;
}
