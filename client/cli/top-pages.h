/* The pages of `stint top` about one task: everything that is known of it, and what it wrote. */
#pragma once

#include "client/cli/top-model.h"

void top_page_details(TopPage *p, const StintDetails *details, uint64_t now_usec);

/* Reads the end of the stream of p->id that p->stream names, at most `size` bytes, into buf and
 * from there into the page. 0, or -code of the library, with the page as it was. */
int top_page_logs(TopPage *p, StintClient *client, char *buf, size_t size);

/* The lines of an output: tabs as blanks, of a line that was overwritten (\r) the last form, other
 * control characters escaped. is_cut: there is more before data, so it begins in a line. */
void top_page_output(TopPage *p, const char *data, size_t size, bool is_cut);
