// Counts what a delegate takes and leaves, without reading logs.
//
// The delegate's Prepare is wrapped; while it runs, the context's ReplaceNodeSubsetsWithDelegateKernels is wrapped too.
// Afterwards the execution plan holds the delegate's kernels and every node that stayed outside.
#pragma once
#include "json.h"
#include "tflite_api.h"

// True when the struct layouts of the headers are those of this library.
bool delegation_countable(const char *version);

// Before the delegate is handed to an interpreter.
void delegation_watch(TfLiteDelegate *delegate);

// The value of "delegation": null when nothing was watched.
void delegation_put(json *to);
