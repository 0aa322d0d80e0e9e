/* Shrinks images in parallel, each in a task of its own, and outlives a restart of the dispatcher.
 *
 *      cc parallel-images.c -o parallel-images $(pkg-config --cflags --libs stint)
 *      parallel-images photo.ppm …      writes photo.ppm.small beside each
 *      parallel-images                  the same with twelve images that it makes itself
 *
 * It queues itself: `parallel-images --worker FILE` is the task. How many run at once is decided by
 * the pool, not here. Prints a line for each image on stdout, progress on stderr; exit code 1 if an
 * image failed, 2 if stint could not be used. */
#include <stint/stint.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- the work: a PPM image (P6, 8 bits), halved with a blur ---- */

typedef struct Image {
        int width, height;
        unsigned char *pixels; /* red, green, blue */
} Image;

static unsigned char *pixel(const Image *i, int x, int y) {
        x = x < 0 ? 0 : x >= i->width ? i->width - 1 : x;
        y = y < 0 ? 0 : y >= i->height ? i->height - 1 : y;
        return i->pixels + 3 * ((size_t)y * (size_t)i->width + (size_t)x);
}

static int image_new(int width, int height, Image *ret) {
        *ret = (Image){width, height, calloc((size_t)width * (size_t)height, 3)};
        return ret->pixels ? 0 : -1;
}

static int image_read(const char *path, Image *ret) {
        int width, height, r = -1;
        FILE *f = fopen(path, "rb");
        if (!f)
                return -1;
        if (fscanf(f, "P6 %d %d 255", &width, &height) == 2 && fgetc(f) == '\n' && width > 0 &&
            height > 0 && width < 32768 && height < 32768 && image_new(width, height, ret) == 0)
                r = fread(ret->pixels, (size_t)width * 3, (size_t)height, f) == (size_t)height ? 0
                                                                                               : -1;
        fclose(f);
        return r;
}

static int image_write(const char *path, const Image *i) {
        FILE *f = fopen(path, "wb");
        if (!f)
                return -1;
        fprintf(f, "P6\n%d %d\n255\n", i->width, i->height);
        fwrite(i->pixels, (size_t)i->width * 3, (size_t)i->height, f);
        return fclose(f);
}

/* Each pixel is the mean of the 5 × 5 around it in the original. */
static int image_halve(const Image *from, Image *ret) {
        if (image_new((from->width + 1) / 2, (from->height + 1) / 2, ret) < 0)
                return -1;
        for (int y = 0; y < ret->height; y++)
                for (int x = 0; x < ret->width; x++)
                        for (int c = 0; c < 3; c++) {
                                int sum = 0;
                                for (int d = 0; d < 25; d++)
                                        sum += pixel(from, 2 * x + d % 5 - 2, 2 * y + d / 5 - 2)[c];
                                pixel(ret, x, y)[c] = (unsigned char)(sum / 25);
                        }
        return 0;
}

/* What a task executes. What it prints is collected by the program that queued it. */
static int worker(const char *path) {
        char target[PATH_MAX];
        Image from = {0}, small = {0};
        snprintf(target, sizeof target, "%s.small", path);
        int ok = image_read(path, &from) == 0 && image_halve(&from, &small) == 0 &&
                 image_write(target, &small) == 0;
        if (ok)
                printf("%d x %d -> %d x %d\n", from.width, from.height, small.width, small.height);
        else
                fprintf(stderr, "no PPM image, or its copy cannot be written\n");
        free(from.pixels);
        free(small.pixels);
        return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ---- the program that queues it ---- */

typedef struct Job {
        size_t count, over, failed;
        char **paths;
} Job;

/* One image of the job. */
typedef struct Part {
        Job *job;
        const char *path;
        StintFuture *future;
} Part;

static void print_output(const StintFuture *f, StintStream stream) {
        const StintOutput *output = stint_future_output(f, stream);
        if (output && output->size)
                printf("%.*s", (int)output->size, (const char *)output->data);
        else
                printf("\n");
}

/* Called by the library when a task has ended, or was refused. */
static void on_over(StintFuture *f, void *userdata) {
        Part *part = userdata;
        Job *job = part->job;
        const StintEnd *end = stint_future_end(f);
        job->over++;
        printf("%s: ", part->path);
        if (end && end->state == STINT_SUCCEEDED) {
                print_output(f, STINT_STDOUT);
        } else {
                job->failed++;
                printf("%s: ", end ? stint_state_name(end->state) : stint_future_error(f));
                print_output(f, STINT_STDERR);
        }
        fflush(stdout);
        fprintf(stderr, "%zu of %zu images, %zu failed\n", job->over, job->count, job->failed);
}

/* Queues a task for each image and waits for all of them. 0, or a negative code of the library. */
static int job_run(Job *job, StintClient *c, const char *self, Part *parts) {
        for (size_t i = 0; i < job->count; i++) {
                const char *argv[] = {self, "--worker", job->paths[i], NULL};
                StintTask task = {STINT_TASK, .argv = argv, .name = "shrink", .retries = 1};
                parts[i] = (Part){.job = job, .path = job->paths[i]};
                int r = stint_submit(c, &task, 1, STINT_COLLECT, &parts[i].future);
                if (r < 0)
                        return r;
                stint_future_then(parts[i].future, on_over, &parts[i]);
        }
        while (job->over < job->count) {
                int r = stint_dispatch(c, -1); /* goes on when the dispatcher was restarted */
                if (r < 0)
                        return r;
        }
        return 0;
}

/* Twelve images of different sizes in the current directory; NULL: they cannot be written. */
static char **make_images(void) {
        static char names[12][16], *paths[12];
        for (int n = 0; n < 12; n++) {
                Image i;
                snprintf(names[n], sizeof names[n], "image-%02d.ppm", n);
                paths[n] = names[n];
                if (image_new(320 + 40 * n, 240 + 20 * n, &i) < 0)
                        return NULL;
                for (int y = 0; y < i.height; y++)
                        for (int x = 0; x < i.width; x++) {
                                pixel(&i, x, y)[0] = (unsigned char)(x * n);
                                pixel(&i, x, y)[1] = (unsigned char)(y + n);
                                pixel(&i, x, y)[2] = (unsigned char)(x ^ y);
                        }
                int r = image_write(paths[n], &i);
                free(i.pixels);
                if (r < 0)
                        return NULL;
        }
        return paths;
}

int main(int argc, char **argv) {
        char self[PATH_MAX];
        if (argc == 3 && strcmp(argv[1], "--worker") == 0)
                return worker(argv[2]);
        Job job = {.count = (size_t)argc - 1, .paths = argv + 1};
        ssize_t size = readlink("/proc/self/exe", self, sizeof self - 1);
        if (argc == 1)
                job = (Job){.count = 12, .paths = make_images()};
        Part *parts = calloc(job.count + 1, sizeof *parts);
        StintClient *c = stint_new(&(StintOptions){STINT_OPTIONS, .flags = STINT_START_OWN});
        if (size < 0 || !job.paths || !parts || !c) {
                perror("parallel-images: cannot begin");
                return 2;
        }
        self[size] = '\0';
        int r = stint_connect(c);
        if (r == 0)
                r = job_run(&job, c, self, parts);
        if (r < 0)
                fprintf(stderr, "parallel-images: %s\n", stint_error(c));
        stint_free(c); /* and its futures */
        free(parts);
        return r < 0 ? 2 : job.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
