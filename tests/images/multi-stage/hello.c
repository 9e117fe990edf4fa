#include <stdio.h>

/* Greets whoever says a name: one connection is one process, started by the first client there is. */
int main(void) {
    char name[64];

    if (scanf("%63s", name) != 1)
        return 1;
    printf("Hello %s\n", name);
    return 0;
}
