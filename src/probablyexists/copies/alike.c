/* Small grey pictures normalised, cut to cores, and correlated at all shifts. `normalised.py` says what is computed, and
   does the same without this file, slower. Results differ by rounding: a product and a sum may become one operation. */

#include <math.h>
#include <stdint.h>

#ifdef __has_attribute
#if __has_attribute(target_clones) && defined(__x86_64__) && defined(__gnu_linux__)
#define BY_PROCESSOR __attribute__((target_clones("avx512f", "fma", "default")))
#endif
#endif
#ifndef BY_PROCESSOR
#define BY_PROCESSOR
#endif
#define INLINE static inline __attribute__((always_inline))

#ifdef __x86_64__
#define LANES 8
#else
#define LANES 4
#endif

enum { SIDE = 48, PIXELS = SIDE * SIDE, REACH = 3, SHIFTS = 2 * REACH + 1, TAPS = 5 };
enum { INNER = SIDE - 2 * REACH, PARTS = (INNER + LANES - 1) / LANES, WHOLE = SIDE / LANES };

typedef float Lanes __attribute__((vector_size(4 * LANES)));
typedef float Anywhere __attribute__((vector_size(4 * LANES), aligned(4), may_alias)); /* the same, not aligned */

const char source_sha256[] = SOURCE_SHA256; /* of this file, by which it is known whether what is compiled is this */

INLINE Lanes at(const float *from) { return *(const Anywhere *)from; }

INLINE void put(float *to, Lanes values) { *(Anywhere *)to = values; }

INLINE float sum(Lanes values) {
    float all = 0;
    for (int i = 0; i < LANES; i++) all += values[i];
    return all;
}

INLINE int larger(int a, int b) { return a > b ? a : b; }

INLINE int smaller(int a, int b) { return a < b ? a : b; }

/* out = blur times x. `reach`: in row i of the blur, only i - reach to i + reach are not 0. */
INLINE void blur_down(const float *blur, int reach, const float *x, float *out) {
    for (int i = 0; i < SIDE; i += 2) {
        Lanes sums[2][WHOLE] = {0};
        for (int k = larger(0, i - reach); k < smaller(SIDE, i + 2 + reach); k++)
            for (int part = 0; part < WHOLE; part++) {
                Lanes row = at(x + k * SIDE + part * LANES);
                for (int j = 0; j < 2; j++) sums[j][part] += blur[(i + j) * SIDE + k] * row;
            }
        for (int j = 0; j < 2; j++)
            for (int part = 0; part < WHOLE; part++) put(out + (i + j) * SIDE + part * LANES, sums[j][part]);
    }
}

/* out = x times the blur, which is symmetric. */
INLINE void blur_across(const float *blur, int reach, const float *x, float *out) {
    enum { TOGETHER = 8 };
    for (int i = 0; i < SIDE; i += TOGETHER)
        for (int first = 0; first < SIDE; first += LANES) {
            Lanes sums[TOGETHER] = {0};
            for (int k = larger(0, first - reach); k < smaller(SIDE, first + LANES + reach); k++) {
                Lanes row = at(blur + k * SIDE + first);
                for (int j = 0; j < TOGETHER; j++) sums[j] += x[(i + j) * SIDE + k] * row;
            }
            for (int j = 0; j < TOGETHER; j++) put(out + (i + j) * SIDE + first, sums[j]);
        }
}

/* `blurs`: (2, 48, 48) the blur of the mean and that of the deviation, and how far each reaches. */
BY_PROCESSOR
void normalise(float *pictures, int64_t n, const float *blurs, const int32_t *reach) {
    float down[PIXELS], blurred[PIXELS];
    for (float *x = pictures; x < pictures + n * PIXELS; x += PIXELS) {
        Lanes total = {0};
        for (int i = 0; i < PIXELS; i += LANES) total += at(x + i);
        const float mean = sum(total) / PIXELS;
        for (int i = 0; i < PIXELS; i++) x[i] -= mean;
        blur_down(blurs, reach[0], x, down);
        blur_across(blurs, reach[0], down, blurred);
        for (int i = 0; i < PIXELS; i++) x[i] -= blurred[i];
        for (int i = 0; i < PIXELS; i++) blurred[i] = x[i] * x[i];
        blur_down(blurs + PIXELS, reach[1], blurred, down);
        blur_across(blurs + PIXELS, reach[1], down, blurred);
        for (int i = 0; i < PIXELS; i++) x[i] /= sqrtf(blurred[i]) + 4.0f;
    }
}

/* Between four pixels each: `from` the upper left one, `right` and `below` it by these shares. */
BY_PROCESSOR
void warp(const float *pictures, int64_t n, const int32_t *from, const float *right, const float *below, float *out) {
    for (; n--; pictures += PIXELS, out += PIXELS)
        for (int i = 0; i < PIXELS; i++) {
            const float *at = pictures + from[i];
            const float upper = at[0] + right[i] * (at[1] - at[0]);
            const float lower = at[SIDE] + right[i] * (at[SIDE + 1] - at[SIDE]);
            out[i] = upper + below[i] * (lower - upper);
        }
}

/* Where a part begins, of the 42 of a core's row: the last overlaps the one before. */
INLINE int first(int part) { return smaller(part * LANES, INNER - LANES); }

/* `taps`: of the slight blur; it nowhere reaches the edge. */
BY_PROCESSOR
void cut_cores(const float *normal, int64_t n, const float taps[TAPS], float *cores) {
    enum { ALL = INNER * INNER, MOST = ALL - ALL % LANES };
    for (; n--; normal += PIXELS, cores += ALL) {
        Lanes total = {0}, squares = {0};
        for (int y = 0; y < INNER; y++) {
            const float *from = normal + (y + REACH - TAPS / 2) * SIDE;
            float down[SIDE];
            for (int part = 0; part < WHOLE; part++) {
                Lanes mixed = {0};
                for (int t = 0; t < TAPS; t++) mixed += taps[t] * at(from + t * SIDE + part * LANES);
                put(down + part * LANES, mixed);
            }
            for (int part = 0; part < PARTS; part++) {
                Lanes mixed = {0};
                for (int t = 0; t < TAPS; t++) mixed += taps[t] * at(down + first(part) + REACH - TAPS / 2 + t);
                put(cores + y * INNER + first(part), mixed);
            }
        }
        for (int i = 0; i < MOST; i += LANES) total += at(cores + i);
        float mean = sum(total);
        for (int i = MOST; i < ALL; i++) mean += cores[i];
        mean /= ALL;
        for (int i = 0; i < MOST; i += LANES) {
            Lanes around = at(cores + i) - mean;
            put(cores + i, around);
            squares += around * around;
        }
        float length = sum(squares);
        for (int i = MOST; i < ALL; i++) cores[i] -= mean, length += cores[i] * cores[i];
        const float share = 1 / fmaxf(sqrtf(length), 1e-3f);
        for (int i = 0; i < ALL; i++) cores[i] *= share;
    }
}

typedef struct {
    Lanes rows[INNER][PARTS]; /* each begins at `first`; pixels that are there twice count once */
} Core;

INLINE void arrange(const float *pixels, int flipped, Core *core) {
    for (int y = 0; y < INNER; y++) {
        float row[INNER];
        for (int x = 0; x < INNER; x++) row[x] = pixels[y * INNER + (flipped ? INNER - 1 - x : x)];
        for (int part = 0; part < PARTS; part++) core->rows[y][part] = at(row + first(part));
        for (int twice = 0; twice < PARTS * LANES - INNER; twice++) core->rows[y][PARTS - 1][twice] = 0;
    }
}

typedef struct {
    float best;
    int32_t where; /* 7 times the shift down, plus the shift across */
} Best;

/* Better than `so_far`, of `downs` x `acrosses` shifts from these on? */
INLINE Best better(Best so_far, const Core *core, const float *sharp, const float *scale, int down, const int downs,
                   int across, const int acrosses) {
    Lanes sums[SHIFTS * SHIFTS];
    for (int k = 0; k < downs * acrosses; k++) sums[k] = (Lanes){0};
    const float *from = sharp + down * SIDE + across;
    for (int y = 0; y < INNER; y++, from += SIDE)
        for (int part = 0; part < PARTS; part++)
            for (int i = 0; i < downs; i++)
                for (int j = 0; j < acrosses; j++)
                    sums[i * acrosses + j] += core->rows[y][part] * at(from + i * SIDE + first(part) + j);
    for (int i = 0; i < downs; i++)
        for (int j = 0; j < acrosses; j++) {
            const int where = (down + i) * SHIFTS + across + j;
            const float found = sum(sums[i * acrosses + j]) * scale[where];
            if (found > so_far.best) so_far = (Best){found, where};
        }
    return so_far;
}

/* The best correlation of cores[of[i]], or its mirror image, with a window of sharp[row[i]]. `near`: of the 3 x 3 windows
   in whose middle this one is, or of all if it is null. */
BY_PROCESSOR
void correlate(const float *cores, const float *sharp, const float *scale, const int64_t *of, const int64_t *row,
               int64_t n, int flipped, const int32_t *near, float *best, int32_t *where) {
    Core core;
    for (int64_t i = 0; i < n; i++) {
        if (!i || of[i] != of[i - 1]) arrange(cores + of[i] * INNER * INNER, flipped, &core);
        const float *reference = sharp + row[i] * PIXELS, *its = scale + row[i] * SHIFTS * SHIFTS;
        Best found = {-1, 0};
        if (near)
            found = better(found, &core, reference, its, near[i] / SHIFTS - 1, 3, near[i] % SHIFTS - 1, 3);
        else
            for (int down = 0; down < SHIFTS; down++) found = better(found, &core, reference, its, down, 1, 0, SHIFTS);
        best[i] = found.best, where[i] = found.where;
    }
}
