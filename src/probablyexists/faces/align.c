/* A face's five landmarks and its chip as dlib makes them, its small grey picture as Pillow does: the same numbers.

   dlib takes one face after the other through trees that do not stay near, cuts a chip a number at a time, and holds
   Python's lock meanwhile. Here a batch of faces goes through a round of the trees together, several pixels of a chip
   are mixed at once, and no lock is held. Sums keep dlib's order and precision: a product and a sum must not become one
   operation (-ffp-contract=off).

   The landmarks are an ensemble of regression trees (Kazemi & Sullivan, "One Millisecond Face Alignment with an
   Ensemble of Regression Trees", CVPR 2014): in 15 rounds, 500 trees of four questions each move the points. A question
   is whether one pixel is brighter than another by more than a threshold. */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __has_attribute
#if __has_attribute(target_clones) && defined(__x86_64__) && defined(__gnu_linux__)
#define BY_PROCESSOR __attribute__((target_clones("avx2", "default")))
#endif
#endif
#ifndef BY_PROCESSOR
#define BY_PROCESSOR
#endif

enum { POINTS = 5, AXES = 2 * POINTS, ROUNDS = 15, PIXELS = 800, TREES = 500, QUESTIONS = 15, LEAVES = 16 };

typedef struct {
    uint16_t first, second; /* pixels */
    int16_t threshold;      /* the way is left where the first is brighter by more than this */
} Question;

typedef struct {
    int32_t anchor[PIXELS];              /* twice the point that each pixel goes with */
    float x[PIXELS], y[PIXELS];          /* offset from it, in the frame of the mean shape */    
    Question questions[TREES][QUESTIONS]; /* below question q are 2q + 1 and 2q + 2 */
    float leaves[TREES][LEAVES][AXES];   /* by how much each moves the points */
    float over[2];                       /* a leaf is read as twelve numbers */
} Round;

typedef struct {
    float mean[AXES];    /* points x, y, one after the other, in shares of the box */
    double fit[2][AXES]; /* times points: a and b of [[a, -b], [b, a]], mean shape to points, by least squares */
    Round rounds[ROUNDS];
} Cascade;

const size_t cascade_size = sizeof(Cascade);
const char source_sha256[] = SOURCE_SHA256; /* of this file, by which it is known whether what is compiled is this */

/* --- dlib's file ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const uint8_t *at, *end;
    int known; /* false once it was not as we know it */
} File;

/* How many bytes follow (high bit: negative), and these, little-endian. */
static int64_t integer(File *file) {
    if (file->at == file->end) return file->known = 0;
    int head = *file->at++, n = head & 0x7f;
    if (n > 7 || file->end - file->at < n) return file->known = 0;
    int64_t found = 0;
    for (int i = 0; i < n; i++) found |= (int64_t)*file->at++ << 8 * i;
    return head & 0x80 ? -found : found;
}

/* Mantissa and binary exponent. */
static double fraction(File *file) {
    double mantissa = (double)integer(file);
    int64_t exponent = integer(file);
    if (exponent < -1000 || exponent > 100) file->known = 0;
    return ldexp(mantissa, (int)exponent);
}

static void expect(File *file, int64_t number) {
    if (integer(file) != number) file->known = 0;
}

static int below(File *file, int limit) {
    int64_t found = integer(file);
    if (found < 0 || found >= limit) return file->known = 0;
    return (int)found;
}

/* A matrix begins with its sides, negative. */
static void column(File *file, float *numbers) {
    expect(file, -AXES);
    expect(file, -1);
    for (int i = 0; i < AXES; i++) numbers[i] = (float)fraction(file);
}

/* Whether `data` is dlib's `shape_predictor` of five points: then `cascade` holds it. Lists begin with their length. */
int read_cascade(const uint8_t *data, size_t n_bytes, Cascade *cascade) {
    File file = {data, data + n_bytes, 1};
    expect(&file, 1);
    column(&file, cascade->mean);
    expect(&file, ROUNDS);
    for (Round *its = cascade->rounds; its < cascade->rounds + ROUNDS; its++) {
        expect(&file, TREES);
        for (int tree = 0; tree < TREES && file.known; tree++) {
            expect(&file, QUESTIONS);
            for (Question *asked = its->questions[tree]; asked < its->questions[tree] + QUESTIONS; asked++) {
                asked->first = (uint16_t)below(&file, PIXELS);
                asked->second = (uint16_t)below(&file, PIXELS);
                /* differences of grey levels are whole: above a threshold is above its floor */
                asked->threshold = (int16_t)fmax(-256, fmin(256, floor(fraction(&file))));
            }
            expect(&file, LEAVES);
            for (int leaf = 0; leaf < LEAVES; leaf++) column(&file, its->leaves[tree][leaf]);
        }
        its->over[0] = its->over[1] = 0;
    }
    expect(&file, ROUNDS);
    for (Round *its = cascade->rounds; its < cascade->rounds + ROUNDS; its++) {
        expect(&file, PIXELS);
        for (int i = 0; i < PIXELS; i++) its->anchor[i] = 2 * below(&file, POINTS);
    }
    expect(&file, ROUNDS);
    for (Round *its = cascade->rounds; its < cascade->rounds + ROUNDS; its++) {
        expect(&file, PIXELS);
        for (int i = 0; i < PIXELS; i++) {
            its->x[i] = (float)fraction(&file);
            its->y[i] = (float)fraction(&file);
        }
    }
    double middle[2] = {0, 0}, squares = 0;
    for (int i = 0; i < AXES; i++) middle[i % 2] += cascade->mean[i] / (double)POINTS;
    for (int i = 0; i < AXES; i++) squares += pow(cascade->mean[i] - middle[i % 2], 2);
    for (int i = 0; i < AXES; i += 2) {
        double x = (cascade->mean[i] - middle[0]) / squares, y = (cascade->mean[i + 1] - middle[1]) / squares;
        cascade->fit[0][i] = x, cascade->fit[0][i + 1] = y;
        cascade->fit[1][i] = -y, cascade->fit[1][i + 1] = x;
    }
    return file.known && file.at == file.end;
}

/* --- maps ----------------------------------------------------------------------------------------------------------- */

typedef struct {
    double x, y;
} Place;

typedef struct {
    double x[3], y[3]; /* by column, by row, and the rest */
} Map;

/* The map of three corners `to` three places. `inverse`: of the matrix with a row of the corners' x, of their y, of ones.
   Given as dlib finds it, by singular values, to the last bit: with the exact one, places on the edge between
   two pixels would fall to the other, and even parts of a chip would come out a level brighter or darker here and there. */
static Map map_of(const Place to[3], const double inverse[3][3]) {
    Map found;
    for (int i = 0; i < 3; i++) {
        found.x[i] = to[0].x * inverse[0][i] + to[1].x * inverse[1][i] + to[2].x * inverse[2][i];
        found.y[i] = to[0].y * inverse[0][i] + to[1].y * inverse[1][i] + to[2].y * inverse[2][i];
    }
    return found;
}

static Place place(const Map *map, double column, double row) {
    return (Place){map->x[0] * column + map->x[1] * row + map->x[2], map->y[0] * column + map->y[1] * row + map->y[2]};
}

/* --- landmarks ------------------------------------------------------------------------------------------------------ */

/* Corners (0, 0), (1, 0), (1, 1). */
static const double OF_BOX[3][3] = {
    {-0x1.0000000000001p+0, -0x1p-52, 0x1.0000000000001p+0},
    {0x1.ffffffffffffdp-1, -0x1.ffffffffffffbp-1, 0x1.8p-53},
    {0x0p+0, 0x1.0000000000001p+0, 0x1.8p-54},
};

typedef struct {
    int32_t left, top, right, bottom;
} Box;

typedef struct {
    const uint8_t *rgb; /* (height, width, 3) */
    uint8_t *grey;      /* (height, width), memory for it */
    int32_t width, height;
    Box box; /* the face's */
} Picture;

typedef float Four __attribute__((vector_size(16)));

static Four four(const float *numbers) {
    Four found;
    memcpy(&found, numbers, sizeof found);
    return found;
}

/* The whole number next to it. */
static int32_t nearest(double number) {
    number += 0.5;
    int32_t cut = (int32_t)number;
    return cut - (number < cut);
}

static Map into(const Picture *picture) {
    const double left = picture->box.left, top = picture->box.top;
    const double right = picture->box.right, bottom = picture->box.bottom;
    return map_of((Place[3]){{left, top}, {right, top}, {right, bottom}}, OF_BOX);
}

/* The question that follows question `q` in a tree. */
static int next(const Question *questions, int q, const int16_t *grey) {
    const Question asked = questions[q];
    return 2 * q + 2 - (grey[asked.first] - grey[asked.second] > asked.threshold);
}

enum { TREES_AT_ONCE = 5 }; /* whose ways do not wait for each other */

BY_PROCESSOR
static void move(const Round *its, const double fit[2][AXES], const Picture *picture, float points[12]) {
    double turn[2] = {0, 0};
    for (int i = 0; i < AXES; i++) turn[0] += points[i] * fit[0][i], turn[1] += points[i] * fit[1][i];
    const float a = (float)turn[0], b = (float)turn[1];
    const Map map = into(picture);
    int32_t at[PIXELS];
    for (int i = 0; i < PIXELS; i++) {
        float x = a * its->x[i] - b * its->y[i] + points[its->anchor[i]];
        float y = b * its->x[i] + a * its->y[i] + points[its->anchor[i] + 1];
        Place in = place(&map, x, y);
        int32_t column = nearest(in.x), row = nearest(in.y);
        int inside = (column >= 0) & (column < picture->width) & (row >= 0) & (row < picture->height);
        at[i] = inside ? row * picture->width + column : -1;
    }
    int16_t grey[PIXELS];
    for (int i = 0; i < PIXELS; i++) grey[i] = at[i] < 0 ? 0 : picture->grey[at[i]];
    const float *leaves[TREES]; /* looked for first, so that many are on their way at once */
    for (int tree = 0; tree < TREES; tree += TREES_AT_ONCE) {
        int q[TREES_AT_ONCE] = {0};
        for (int level = 0; level < 4; level++)
            for (int i = 0; i < TREES_AT_ONCE; i++) q[i] = next(its->questions[tree + i], q[i], grey);
        for (int i = 0; i < TREES_AT_ONCE; i++) {
            leaves[tree + i] = its->leaves[tree + i][q[i] - QUESTIONS];
            __builtin_prefetch(leaves[tree + i]), __builtin_prefetch(leaves[tree + i] + AXES - 1);
        }
    }
    Four low = four(points), middle = four(points + 4), high = four(points + 8);
    for (int tree = 0; tree < TREES; tree++)
        low += four(leaves[tree]), middle += four(leaves[tree] + 4), high += four(leaves[tree] + 8);
    memcpy(points, &low, sizeof low);
    memcpy(points + 4, &middle, sizeof middle);
    memcpy(points + 8, &high, 2 * sizeof(float));
}

BY_PROCESSOR
static void average(const uint8_t *restrict rgb, size_t n, uint8_t *restrict grey) {
    for (size_t i = 0; i < n; i++) grey[i] = (uint8_t)((rgb[3 * i] + rgb[3 * i + 1] + rgb[3 * i + 2]) / 3);
}

typedef float Points[12]; /* x, y of each in whole pixels; the last two 0, for what reads four at a time */

/* Landmarks of the pictures `which`, in their boxes. */
static void find(const Cascade *cascade, int n, const int32_t *which, const Picture *pictures, Points *points) {
    for (int i = 0; i < n; i++) {
        memcpy(points[which[i]], cascade->mean, sizeof cascade->mean);
        points[which[i]][10] = points[which[i]][11] = 0;
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int i = 0; i < n; i++)
            move(&cascade->rounds[round], cascade->fit, &pictures[which[i]], points[which[i]]);
    for (int i = 0; i < n; i++) {
        const Map map = into(&pictures[which[i]]);
        for (float *point = points[which[i]]; point < points[which[i]] + AXES; point += 2) {
            Place found = place(&map, point[0], point[1]);
            point[0] = (float)nearest(found.x), point[1] = (float)nearest(found.y);
        }
    }
}

static void make_grey(int n, const Picture *pictures) {
    for (const Picture *its = pictures; its < pictures + n; its++)
        average(its->rgb, (size_t)its->width * its->height, its->grey);
}

/* `which`: memory for n numbers. */
void landmarks(const Cascade *cascade, int n, const Picture *pictures, int32_t *which, Points *points) {
    make_grey(n, pictures);
    for (int i = 0; i < n; i++) which[i] = i;
    find(cascade, n, which, pictures, points);
}

/* --- landmarks that settle ------------------------------------------------------------------------------------------- */

typedef struct {
    int32_t re_passes;
    double still_at_once, still; /* most that the first ones on the frame may move, and all others */
    double across, down, side;   /* box that landmarks imply: its centre from their mean, and side, in eye distances */
} Rule;

static double apart(double x, double y) { return sqrt(x * x + y * y); }

/* As settling.py's `implied_boxes`. */
static Box implied(const Rule *rule, const float *at) {
    double eyes = apart((at[0] + at[2]) / 2 - (at[4] + at[6]) / 2, (at[1] + at[3]) / 2 - (at[5] + at[7]) / 2);
    double half = fmax(eyes * rule->side, 1) / 2, x = 0, y = 0;
    for (int i = 0; i < AXES; i += 2) x += at[i], y += at[i + 1];
    x = x / POINTS + rule->across * eyes, y = y / POINTS + rule->down * eyes;
    return (Box){(int32_t)rint(x - half), (int32_t)rint(y - half), (int32_t)rint(x + half), (int32_t)rint(y + half)};
}

/* As settling.py's `moves`. */
static double moved(const float *before, const float *after) {
    double sum = 0;
    for (int i = 0; i < AXES; i += 2) sum += apart(after[i] - before[i], after[i + 1] - before[i + 1]);
    return sum / POINTS / fmax(apart(after[0] - after[4], after[1] - after[5]), 1);
}

/* As settling.py's `settled`. `starts`: two boxes each to begin from, first all pictures' first ones. `which`, `before`:
   memory for n. `points`: those that settle; of the others the last. `found`: 1 if they settled, else 0. */
void settle(const Cascade *cascade, const Rule *rule, int n, Picture *pictures, const Box *starts, int32_t *which,
            Points *before, Points *points, uint8_t *found) {
    make_grey(n, pictures);
    memset(found, 0, n);
    for (int start = 0; start < 2; start++) {
        int left = 0;
        for (int i = 0; i < n; i++)
            if (!found[i]) pictures[i].box = starts[start * n + i], which[left++] = i;
        find(cascade, left, which, pictures, points);
        for (int pass = 0; pass < rule->re_passes && left; pass++) {
            for (const int32_t *i = which; i < which + left; i++) {
                memcpy(before[*i], points[*i], sizeof *before);
                pictures[*i].box = implied(rule, points[*i]);
            }
            find(cascade, left, which, pictures, points);
            const int first = !start && !pass, n_before = left;
            left = 0;
            for (int k = 0; k < n_before; k++) {
                int i = which[k];
                found[i] = moved(before[i], points[i]) <= (first ? rule->still_at_once : rule->still);
                if (!found[i]) which[left++] = i;
                else if (first) memcpy(points[i], before[i], sizeof *points);
            }
        }
    }
}

/* --- the chip ------------------------------------------------------------------------------------------------------- */

enum { SIDE = 150 };

/* Corners (0, 0), (149, 0), (0, 149). */
static const double OF_CHIP[3][3] = {
    {-0x1.b7d6c3dda3389p-8, -0x1.b7d6c3dda3389p-8, 0x1.ffffffffffffdp-1},
    {0x1.b7d6c3dda338ap-8, 0x0p+0, 0x1.8p-66},
    {0x1p-61, 0x1.b7d6c3dda338ap-8, 0x1p-65},
};

static Place turned(Place from, Place about, double angle) {
    double x = from.x - about.x, y = from.y - about.y, c = cos(angle), s = sin(angle);
    return (Place){c * x - s * y + about.x, s * x + c * y + about.y};
}

/* Two neighbours' red, green and blue, from the low end. */
static void neighbours(const uint8_t *at, uint32_t *left, uint32_t *right) {
    uint32_t four = at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
    uint32_t two = at[4] | (uint32_t)at[5] << 8;
    *left = four, *right = four >> 24 | two << 8;
}

static int inside(const Map *map, int column, int row, int width, int height) {
    Place at = place(map, column, row);
    return at.x >= 0 && at.y >= 0 && at.x < width - 1 && at.y < height - 1;
}

/* Bilinear; black where the map leads out of the picture. */
BY_PROCESSOR
static void warp(const uint8_t *rgb, ptrdiff_t stride, int width, int height, const Map *map, uint8_t *chip) {
    memset(chip, 0, 3 * SIDE * SIDE);
    for (int row = 0; row < SIDE; row++, chip += 3 * SIDE) {
        int start = 0, end = SIDE; /* a straight line enters the picture once and leaves it once */
        while (start < end && !inside(map, start, row, width, height)) start++;
        while (start < end && !inside(map, end - 1, row, width, height)) end--;
        for (int i = start; i < end; i += 16)
            if (inside(map, i, row + 4, width, height)) {
                Place at = place(map, i, row + 4);
                __builtin_prefetch(rgb + (int32_t)at.y * stride + 3 * (ptrdiff_t)at.x);
            }
        double right[SIDE], low[SIDE];
        int32_t left[SIDE], top[SIDE];
        for (int i = start; i < end; i++) {
            Place at = place(map, i, row);
            left[i] = (int32_t)at.x, top[i] = (int32_t)at.y;
            right[i] = at.x - left[i], low[i] = at.y - top[i];
        }
        uint32_t pixels[4][SIDE];
        for (int i = start; i < end; i++) {
            const uint8_t *at = rgb + top[i] * stride + 3 * (ptrdiff_t)left[i];
            neighbours(at, &pixels[0][i], &pixels[1][i]);
            neighbours(at + stride, &pixels[2][i], &pixels[3][i]);
        }
        uint32_t mixed[SIDE];
        for (int i = start; i < end; i++) {
            mixed[i] = 0;
            for (int shift = 0; shift < 24; shift += 8) {
                double level[4];
                for (int k = 0; k < 4; k++) level[k] = (int32_t)(pixels[k][i] >> shift & 0xff);
                mixed[i] |= (uint32_t)(int32_t)((1 - low[i]) * ((1 - right[i]) * level[0] + right[i] * level[1]) +
                                                low[i] * ((1 - right[i]) * level[2] + right[i] * level[3])) << shift;
            }
        }
        for (int i = start; i < end; i++) {
            chip[3 * i] = (uint8_t)mixed[i];
            chip[3 * i + 1] = (uint8_t)(mixed[i] >> 8);
            chip[3 * i + 2] = (uint8_t)(mixed[i] >> 16);
        }
    }
}

static double half_area(double left, double top, double right, double bottom) {
    return ((right / 2.0 - 1.25) - (left / 2.0 - 1.25) + 1) * ((bottom / 2.0 - 0.75) - (top / 2.0 - 0.75) + 1);
}

/* `rgb`: (height, width, 3). `rect`: left, top, right, bottom of the chip's square in it, before it is turned about its
   centre by `angle`. False if this is dlib's to cut: so large that it is halved first, upright and in scale, or nowhere. */
int cut_chip(const uint8_t *rgb, int width, int height, const double rect[4], double angle, uint8_t *chip) {
    double left = rect[0], top = rect[1], right = rect[2], bottom = rect[3];
    for (int i = 0; i < 4; i++)
        if (!(fabs(rect[i]) < 1 << 24)) return 0;
    if (half_area(left, top, right, bottom) > SIDE * SIDE) return 0;
    if (angle == 0 && right - left + 1 == SIDE && bottom - top + 1 == SIDE) return 0;
    /* What is looked at: the turned square, two pixels wider. Its corner is where counting begins. */
    Place about = {(left + right) / 2.0, (top + bottom) / 2.0};
    Place corners[4] = {{left, top}, {right, top}, {left, bottom}, {right, bottom}};
    Place low = turned(corners[0], about, angle), high = low;
    for (int i = 1; i < 4; i++) {
        Place corner = turned(corners[i], about, angle);
        low = (Place){fmin(low.x, corner.x), fmin(low.y, corner.y)};
        high = (Place){fmax(high.x, corner.x), fmax(high.y, corner.y)};
    }
    long first_column = lround(fmax(low.x - 2, 0)), first_row = lround(fmax(low.y - 2, 0));
    long last_column = lround(fmin(high.x + 2, width - 1)), last_row = lround(fmin(high.y + 2, height - 1));
    if (first_column > last_column || first_row > last_row) return memset(chip, 0, 3 * SIDE * SIDE), 1;
    left -= first_column, right -= first_column, top -= first_row, bottom -= first_row;
    if (half_area(left, top, right, bottom) > SIDE * SIDE) return 0;
    about = (Place){(left + right) / 2.0, (top + bottom) / 2.0};
    Place to[3] = {turned((Place){left, top}, about, angle), turned((Place){right, top}, about, angle),
                   turned((Place){left, bottom}, about, angle)};
    const Map map = map_of(to, OF_CHIP);
    const ptrdiff_t stride = 3 * (ptrdiff_t)width;
    warp(rgb + first_row * stride + 3 * first_column, stride, (int)(last_column - first_column + 1),
         (int)(last_row - first_row + 1), &map, chip);
    return 1;
}

/* --- the small grey picture ------------------------------------------------------------------------------------------ */

enum { SMALL = 48, BITS = 22 };

typedef struct {
    int first, n;
    int32_t share; /* of each, in 2^-22 */
} Run;

/* Of `length` pixels, those whose mean is the small picture's pixel `i`, as Pillow's box filter takes them. */
static Run run(int length, int i) {
    const double scale = (double)length / SMALL, centre = (i + 0.5) * scale, support = 0.5 * scale;
    int first = (int)(centre - support + 0.5), end = (int)(centre + support + 0.5);
    Run found = {first, 0, 0};
    if (end > length) end = length;
    for (int k = first; k < end; k++) {
        double from = (k - centre + 0.5) * (1.0 / scale);
        if (from > -0.5 && from <= 0.5) found.n++;
        else if (!found.n) found.first++;
    }
    found.share = (int32_t)(0.5 + 1.0 / found.n * (1 << BITS));
    return found;
}

static uint8_t mean(int32_t sum, Run its) { return (uint8_t)((sum * its.share + (1 << (BITS - 1))) >> BITS); }

/* sums[i]: of the first i grey levels. */
BY_PROCESSOR
static void add_up(const uint8_t *restrict rgb, int width, int32_t *restrict sums) {
    sums[0] = 0;
    for (int i = 0; i < width; i++)
        sums[i + 1] = (rgb[3 * i] * 19595 + rgb[3 * i + 1] * 38470 + rgb[3 * i + 2] * 7471 + 0x8000) >> 16;
    for (int i = 0; i < width; i++) sums[i + 1] += sums[i];
}

/* `rgb`: (height, width, 3), at least 48 each. `sums`: memory for width + 1. `small`: (48, 48). */
void small_grey(const uint8_t *rgb, int width, int height, int32_t *sums, uint8_t *small) {
    Run across[SMALL];
    for (int i = 0; i < SMALL; i++) across[i] = run(width, i);
    for (int line = 0; line < SMALL; line++, small += SMALL) {
        const Run down = run(height, line);
        int32_t means[SMALL] = {0};
        for (int k = down.first; k < down.first + down.n; k++) {
            add_up(rgb + 3 * (size_t)k * width, width, sums);
            for (int i = 0; i < SMALL; i++)
                means[i] += mean(sums[across[i].first + across[i].n] - sums[across[i].first], across[i]);
        }
        for (int i = 0; i < SMALL; i++) small[i] = mean(means[i], down);
    }
}
