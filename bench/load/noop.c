/* The task of the benchmarks: ends at once, or with any argument stays until a signal. */
#include <unistd.h>

int main(int argc, char** argv) {
    (void)argv;
    while (argc > 1) pause();
    return 0;
}
