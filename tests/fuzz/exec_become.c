/* pyinit-exec as it is, with a way in for the fuzzer. */
#define main unused_main
#include "../../initd/exec/pyinit-exec.c"

void fuzz_become(int context_fd) {
    become_process(context_fd);
}
