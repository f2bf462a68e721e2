/* Preloaded into Luanti's client: draws one frame for each command, on a clock that the commands move.

   MCPROXY_SHIM=FRAMES:COMMANDS:RESULTS names a file for pixels and two descriptors. The client runs freely until the
   first command. From then on it waits after every frame: it writes a result, reads a command, moves the clock by the
   command's time, and lets the engine make the next frame. At the end of the commands the process exits, so no client
   outlives the process that drives it. Only CLOCK_MONOTONIC_RAW is replaced: it alone moves the game, while semaphores
   and Mesa need the others. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { GL_VIEWPORT = 0x0BA2, GL_PACK_ALIGNMENT = 0x0D05, GL_BACK = 0x0405, GL_RGB = 0x1907, GL_UNSIGNED_BYTE = 0x1401 };
struct command { int64_t nanoseconds; int64_t read; };       /* how far the clock moves; whether pixels are read */
struct result { int64_t width, height; };                    /* of the pixels that were read, 0 if none were */

static int (*real_clock)(clockid_t, struct timespec *);
static void (*real_swap)(void *, unsigned long);
static void (*get_integers)(unsigned, int *), (*set_store)(unsigned, int), (*set_buffer)(unsigned);
static void (*read_pixels)(int, int, int, int, unsigned, unsigned, void *);
static unsigned char *pixels;
static int64_t capacity, virtual_ns;
static int commands = -1, results = -1, locked, reads;

__attribute__((constructor)) static void begin(void) {
    char path[4096];
    const char *setting = getenv("MCPROXY_SHIM");
    real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    if (!setting || sscanf(setting, "%4095[^:]:%d:%d", path, &commands, &results) != 3) return;
    int file = open(path, O_RDWR);
    capacity = file < 0 ? 0 : lseek(file, 0, SEEK_END);
    if (capacity > 0) pixels = mmap(0, capacity, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (!pixels || pixels == MAP_FAILED) _exit(3);
}

static int64_t raw_ns(void) {
    struct timespec t;
    real_clock(CLOCK_MONOTONIC_RAW, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

int clock_gettime(clockid_t clock, struct timespec *t) {
    if (!real_clock) real_clock = dlsym(RTLD_NEXT, "clock_gettime");
    if (clock != CLOCK_MONOTONIC_RAW || !locked) return real_clock(clock, t);
    t->tv_sec = virtual_ns / 1000000000LL;
    t->tv_nsec = virtual_ns % 1000000000LL;
    return 0;
}

static struct result read_frame(void) {
    int view[4];
    struct result result = {0, 0};
    get_integers(GL_VIEWPORT, view);
    if ((int64_t)view[2] * view[3] * 3 > capacity) return result;
    set_store(GL_PACK_ALIGNMENT, 1);
    set_buffer(GL_BACK);
    read_pixels(0, 0, view[2], view[3], GL_RGB, GL_UNSIGNED_BYTE, pixels);
    result.width = view[2];
    result.height = view[3];
    return result;
}

static void next_command(void) {
    struct command command;
    if (read(commands, &command, sizeof command) != sizeof command) _exit(0);
    if (!locked) virtual_ns = raw_ns();
    virtual_ns += command.nanoseconds;
    reads = command.read != 0;
    locked = 1;
}

void glXSwapBuffers(void *display, unsigned long drawable) {
    if (!real_swap) {
        real_swap = dlsym(RTLD_NEXT, "glXSwapBuffers");
        get_integers = dlsym(RTLD_DEFAULT, "glGetIntegerv");
        set_store = dlsym(RTLD_DEFAULT, "glPixelStorei");
        set_buffer = dlsym(RTLD_DEFAULT, "glReadBuffer");
        read_pixels = dlsym(RTLD_DEFAULT, "glReadPixels");
    }
    if (commands < 0 || !locked) real_swap(display, drawable);
    if (commands < 0) return;
    if (locked) {
        struct result result = {0, 0};
        if (reads) result = read_frame();
        if (write(results, &result, sizeof result) != sizeof result) _exit(0);
        next_command();
        return;
    }
    struct pollfd asked = {commands, POLLIN, 0};
    if (poll(&asked, 1, 0) > 0) next_command();
}
