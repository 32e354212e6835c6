#include "tflite_delegation.h"

#include <string.h>

enum { MAX_OUTSIDE = 256 };

typedef struct {
  int32_t code, version;
  const char *custom_name;
} outside_node;

static struct {
  bool watched;
  int nodes, taken, delegates, outside_count;
  outside_node outside[MAX_OUTSIDE];
} seen;

static TfLiteStatus (*delegate_prepare)(TfLiteContext *, TfLiteDelegate *);
static TfLiteStatus (*context_replace)(TfLiteContext *, TfLiteRegistration, const TfLiteIntArray *, TfLiteDelegate *);

static TfLiteStatus count_taken(TfLiteContext *context, TfLiteRegistration kernel, const TfLiteIntArray *nodes,
                                TfLiteDelegate *delegate) {
  seen.taken += nodes->size;
  return context_replace(context, kernel, nodes, delegate);
}

static void count_left(TfLiteContext *context) {
  TfLiteIntArray *plan;
  TfLiteNode *node;
  TfLiteRegistration *kernel;
  if (context->GetExecutionPlan(context, &plan) != kTfLiteOk) return;
  for (int i = 0; i < plan->size; i++) {
    if (context->GetNodeAndRegistration(context, plan->data[i], &node, &kernel) != kTfLiteOk) continue;
    if (node->delegate) {
      seen.delegates++;
      continue;
    }
    if (seen.outside_count < MAX_OUTSIDE)
      seen.outside[seen.outside_count] = (outside_node){kernel->builtin_code, kernel->version, kernel->custom_name};
    seen.outside_count++;
  }
}

// Called once per subgraph.
static TfLiteStatus prepare(TfLiteContext *context, TfLiteDelegate *delegate) {
  TfLiteIntArray *plan;
  if (context->GetExecutionPlan(context, &plan) == kTfLiteOk) seen.nodes += plan->size;
  context_replace = context->ReplaceNodeSubsetsWithDelegateKernels;
  context->ReplaceNodeSubsetsWithDelegateKernels = count_taken;
  TfLiteStatus status = delegate_prepare(context, delegate);
  // The interpreter disables the function itself on its way out; put it back only where our wrapper is still in place.
  if (context->ReplaceNodeSubsetsWithDelegateKernels == count_taken)
    context->ReplaceNodeSubsetsWithDelegateKernels = context_replace;
  if (status == kTfLiteOk) count_left(context);
  return status;
}

bool delegation_countable(const char *version) { return !strncmp(version, "2.14.", 5); }

void delegation_watch(TfLiteDelegate *delegate) {
  seen.watched = true;
  delegate_prepare = delegate->Prepare;
  delegate->Prepare = prepare;
}

void delegation_put(json *to) {
  if (!seen.watched) {
    json_null(to);
    return;
  }
  json_open(to, '{');
  json_put_integer(to, "nodes", seen.nodes);
  json_put_integer(to, "nodes_delegated", seen.taken);
  json_put_integer(to, "nodes_outside", seen.outside_count);
  json_put_integer(to, "delegates", seen.delegates);
  json_put_bool(to, "fully_delegated", seen.delegates > 0 && seen.outside_count == 0);
  json_key(to, "outside");
  json_open(to, '[');
  for (int i = 0; i < seen.outside_count && i < MAX_OUTSIDE; i++) {
    json_open(to, '{');
    json_put_integer(to, "builtin_code", seen.outside[i].code);
    json_put_integer(to, "version", seen.outside[i].version);
    json_put_string(to, "custom_name", seen.outside[i].custom_name);
    json_close(to, '}');
  }
  json_close(to, ']');
  json_close(to, '}');
}
