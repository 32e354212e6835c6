// The document: what was measured, or what failed; and its file, which names the document's length and hash.
#pragma once
#include "measure.h"

// Writes the outputs, then the document. 0, or -1 when the document itself could not be written.
int report(const options *options, const measurement *measured);
