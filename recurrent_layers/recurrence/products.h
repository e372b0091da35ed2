// Products of matrices whose right side is read many times.
//
// The right side is packed once into panels, a few vectors wide, in the order in which it is read. A tile of the
// result, as large as the registers hold, then stays in them while one row of a panel after the other passes by.
// BLAS packs again at each call, which costs more than the product where the left side has as few rows as a batch.
// Which rows take part is said by lists of their numbers, so that those of masked samples are passed over.

#include <cstdlib>
#include <cstring>
#include <new>

namespace products {

#ifdef __AVX512F__
constexpr long VECTOR_BYTES = 64, TILE_ROWS = 6, TILE_VECTORS = 4;
#else
constexpr long VECTOR_BYTES = 32, TILE_ROWS = 6, TILE_VECTORS = 2;
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real unaligned_vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
constexpr long LANES = VECTOR_BYTES / sizeof(real), WIDTH = TILE_VECTORS * LANES;
// What a cache fetches at once.
constexpr long LINE = 64 / sizeof(real);
// A tile of few rows is wider, so that there are enough sums for the processor to be always at work.
constexpr long panels_of(long rows) { return rows == 1 ? 4 : rows <= 3 ? 2 : 1; }
constexpr long TOGETHER = 4;
// How many of so many rows a tile takes. One of four would not have enough sums.
constexpr long tile_rows(long rows) {
    return rows > 10 || rows == 9 || rows == 8 || rows == 6 ? 6 : rows > 6 || rows == 5 ? 5 : rows == 4 ? 2 : rows;
}
// In products over time, so many rows of a group of panels stay in the cache.
constexpr long CHUNK = 256, GROUP = 256, BLOCKS = 8;
// A right side that is read more often than this is packed.
constexpr long FEW = 30;

inline long padded(long n) { return (n + LANES - 1) / LANES * LANES; }

// Memory for the working values of a call, aligned to vectors.
class Scratch {
    std::vector<void*> blocks;
public:
    Scratch() {}
    Scratch(const Scratch&) = delete;
    ~Scratch() { for (void* block : blocks) free(block); }
    ONCE real* get(long n) {
        void* block = nullptr;
        if (posix_memalign(&block, VECTOR_BYTES, std::max(n, 1L) * sizeof(real))) throw std::bad_alloc();
        blocks.push_back(block);
        return static_cast<real*>(block);
    }
    ONCE real* zeros(long n) {
        real* block = get(n);
        std::fill(block, block + n, real(0));
        return block;
    }
};

// Some of the columns of a matrix: whole panels, as many as the shares of others have.
struct Share {
    long number, of;

    long begin(long columns) const { return std::min((columns + WIDTH - 1) / WIDTH * number / of * WIDTH, columns); }
    long end(long columns) const { return Share{number + 1, of}.begin(columns); }
};

// Let threads compute shares of all columns.
template <typename Compute>
void in_shares(long shares, const Compute& compute) {
    parts::run(shares, shares, [&](long number) { compute(Share{number, shares}); });
}

// Rows of a matrix: row n of them begins at first + numbers[n] * stride.
struct Rows {
    const long* numbers;
    long stride;

    long operator[](long n) const { return numbers[n] * stride; }
    Rows from(long n) const { return {numbers + n, stride}; }
};

// Few samples do not fill a tile, but several of their steps do.
inline long steps_at_once(long rows) { return std::max(4 * TILE_ROWS / std::max(rows, 1L), 1L); }

// How often a right side is read by so many products with so many rows.
inline long reads(long products, long rows) { return products * ((rows + TILE_ROWS - 1) / TILE_ROWS); }

// The rows of x that are multiplied at once.
class Inputs {
    std::vector<long> x, rooms;

public:
    // Those of steps [t, end). An element of x is x_step after that of the step before, x_sample after that of the
    // sample before.
    ONCE void list(long t, long end, const long* samples, long rows, const parts::Mask& mask, long x_step,
                   long x_sample, long batch) {
        x.clear(), rooms.clear();
        for (long step = t; step < end; ++step)
            for (long n = 0; n < rows; ++n)
                if (mask(step, samples[n])) {
                    x.push_back(step * x_step + samples[n] * x_sample);
                    rooms.push_back((step - t) * batch + samples[n]);
                }
    }
    long number() const { return x.size(); }
    Rows of_x() const { return {x.data(), 1}; }
    Rows of_rooms(long row) const { return {rooms.data(), row}; }
};

// The steps of samples, from step `stop` on, that are not masked, and where their rows are in what is kept of these steps.
struct Taken {
    std::vector<long> t, i, rows;

    ONCE Taken(const parts::Mask& mask, long batch, long stop, long end) {
        for (long step = stop; step < end; ++step)
            for (long sample = 0; sample < batch; ++sample)
                if (mask(step, sample)) {
                    t.push_back(step), i.push_back(sample);
                    rows.push_back((step - stop) * batch + sample);
                }
    }
    long number() const { return t.size(); }
    // How many of them come before a step.
    long before(long step) const { return std::lower_bound(t.begin(), t.end(), step) - t.begin(); }
    // Where the rows so many steps earlier are in an array with such strides.
    ONCE std::vector<long> of(long step, long sample, long earlier = 0) const {
        std::vector<long> found(t.size());
        for (long n = 0; n < number(); ++n) found[n] = (t[n] - earlier) * step + i[n] * sample;
        return found;
    }
};

// What is read next: a tile lets the cache fetch a line of it for each row of its own.
struct Ahead {
    const real* line;
    long row;
};

// c = a . b, or c += a . b. Element k of a row of a is k * a_step after its first. The vectors of a row of b lie in
// panels, b_panel apart; the next row is b_row after it.
template <int ROWS, int VECTORS, int PANELS>
void tile(long depth, const real* a, Rows a_rows, long a_step, const real* b, long b_row, long b_panel, real* c,
          Rows c_rows, bool add, Ahead ahead) {
    vector sum[ROWS][PANELS * VECTORS];
    const real* left[ROWS];
    for (int i = 0; i < ROWS; ++i) {
        left[i] = a + a_rows[i];
        for (int v = 0; v < PANELS * VECTORS; ++v)
            sum[i][v] = add ? *reinterpret_cast<const unaligned_vector*>(c + c_rows[i] + v * LANES) : vector{};
    }
    for (long k = 0; k < depth; ++k, b += b_row) {
        if (PANELS == 1) __builtin_prefetch(ahead.line + k * ahead.row, 0, 2);
        vector right[PANELS * VECTORS];
        for (int v = 0; v < PANELS * VECTORS; ++v)
            right[v] = *reinterpret_cast<const unaligned_vector*>(b + v / VECTORS * b_panel + v % VECTORS * LANES);
        for (int i = 0; i < ROWS; ++i) {
            // Less zero, and not plus: that is no operation at all.
            const vector value = left[i][k * a_step] - vector{};
            for (int v = 0; v < PANELS * VECTORS; ++v) sum[i][v] += value * right[v];
        }
    }
    for (int i = 0; i < ROWS; ++i)
        for (int v = 0; v < PANELS * VECTORS; ++v)
            *reinterpret_cast<unaligned_vector*>(c + c_rows[i] + v * LANES) = sum[i][v];
}

typedef void (*Tile)(long, const real*, Rows, long, const real*, long, long, real*, Rows, bool, Ahead);

template <int VECTORS>
Tile narrow(long rows) {
    static const Tile tiles[TILE_ROWS] = {tile<1, VECTORS, 1>, tile<2, VECTORS, 1>, tile<3, VECTORS, 1>,
                                          tile<4, VECTORS, 1>, tile<5, VECTORS, 1>, tile<6, VECTORS, 1>};
    return tiles[rows - 1];
}

inline Tile narrow(long rows, long vectors) {
    switch (vectors) {
        case 1: return narrow<1>(rows);
        case 2: return narrow<2>(rows);
#ifdef __AVX512F__
        case 3: return narrow<3>(rows);
#endif
        default: return narrow<TILE_VECTORS>(rows);
    }
}

inline Tile wide(long rows) {
    static const Tile tiles[] = {tile<1, TILE_VECTORS, panels_of(1)>, tile<2, TILE_VECTORS, panels_of(2)>,
                                 tile<3, TILE_VECTORS, panels_of(3)>};
    return tiles[rows - 1];
}

// A row of a panel: some of its columns, and zeros.
inline void fill_row(const real* from, long columns, long width, real* row) {
    if (columns == WIDTH) {
        std::memcpy(row, from, WIDTH * sizeof(real));
        return;
    }
    std::copy_n(from, columns, row);
    std::fill(row + columns, row + width, real(0));
}

// Columns [first, last) of rows of b as one panel. Element (k, j) of b is b[k * b_row + j * b_column].
inline void pack_panel(long depth, const real* b, long b_row, long b_column, long first, long last, real* panel) {
    const long columns = last - first, width = padded(columns);
    for (long k = 0; k < depth; ++k, panel += width) {
        const real* const row = b + k * b_row + first * b_column;
        if (b_column == 1) {
            fill_row(row, columns, width, panel);
            continue;
        }
        for (long j = 0; j < columns; ++j) panel[j] = row[j * b_column];
        std::fill(panel + columns, panel + width, real(0));
    }
}

// A matrix (depth, columns) on the right of products, in panels. Where it is read a few times only, its whole panels
// stay as they lie, if the vectors of their rows do.
class Weight {
    const real* const b;
    const long b_row, b_column;
    long from;  // The first column that is packed.
    real* panels;
    const Weight* next = this;  // What is read after it.

    const real* panel(long j) const { return j < from ? b + j : panels + (j - from) * depth; }
    long row(long j) const { return j < from ? b_row : padded(std::min(WIDTH, columns - j)); }
    Ahead here(long j) const { return {panel(j), row(j)}; }
    // What is fetched of the panel after this one by a tile of this one, after so many others. The weights of a large
    // layer are more than a processor's own cache holds.
    Ahead after(long j, Share share, long tiles) const {
        if (tiles * LINE >= WIDTH) return here(j);
        const bool is_last = j + WIDTH >= share.end(columns);
        const Weight& other = is_last ? *next : *this;
        const long first = is_last ? share.begin(other.columns) : j + WIDTH;
        return {other.panel(first) + tiles * LINE, other.row(first)};
    }

public:
    const long depth, columns;

    ONCE Weight(Scratch& scratch, const real* b, long b_row, long b_column, long depth, long columns, long reads)
        : b(b), b_row(b_row), b_column(b_column), depth(depth), columns(columns) {
        from = b_column == 1 && reads <= FEW ? columns / WIDTH * WIDTH : 0;
        panels = scratch.get(depth * padded(columns - from));
    }
    long to_pack() const { return (columns - from + WIDTH - 1) / WIDTH; }
    void pack(long panel) const {
        const long j = from + panel * WIDTH;
        pack_panel(depth, b, b_row, b_column, j, std::min(j + WIDTH, columns), panels + panel * WIDTH * depth);
    }

    void then(const Weight& other) { next = &other; }

    // c = a . this, or c += a . this, for a share of the columns. Rows of c have room for padded(columns).
    ONCE void multiply(long rows, const real* a, Rows a_rows, real* c, Rows c_rows, bool add, Share share) const {
        const long end = share.end(columns);
        const auto by_tiles = [&](long i, long number, long j, long panels, Ahead ahead) {
            const Tile tile = panels > 1 ? wide(number) : narrow(number, padded(std::min(WIDTH, columns - j)) / LANES);
            tile(depth, a, a_rows.from(i), 1, panel(j), row(j), j < from ? WIDTH : depth * WIDTH, c + j,
                 c_rows.from(i), add, ahead);
        };
        for (long j = share.begin(columns), next; j < end; j = next) {
            next = std::min({j + TOGETHER * WIDTH, j < from ? from : end, end});
            long i = 0;
            // A panel is in the cache while many rows pass by, and few rows while many panels do.
            for (long at = j; at < next; at += WIDTH)
                for (long tiles = i = 0; rows - i > 4; i += tile_rows(rows - i), ++tiles)
                    by_tiles(i, tile_rows(rows - i), at, 1, after(at, share, tiles));
            for (long number; i < rows; i += number) {
                number = tile_rows(rows - i);
                for (long at = j, panels; at < next; at += panels * WIDTH) {
                    panels = next - at >= panels_of(number) * WIDTH ? panels_of(number) : 1;
                    by_tiles(i, number, at, panels, here(at));
                }
            }
        }
    }
};

// Pack matrices, with so many threads. Each step reads them in this order.
ONCE inline void pack(long threads, std::initializer_list<Weight*> weights) {
    constexpr long AT_ONCE = 8;
    long panels = 0;
    for (auto weight = weights.begin(); weight != weights.end(); ++weight) {
        panels += (*weight)->to_pack();
        (*weight)->then(weight + 1 == weights.end() ? **weights.begin() : *weight[1]);
    }
    parts::run(threads, (panels + AT_ONCE - 1) / AT_ONCE, [&](long job) {
        long first = job * AT_ONCE, last = first + AT_ONCE;
        for (const Weight* weight : weights) {
            for (long panel = std::max(first, 0L); panel < std::min(last, weight->to_pack()); ++panel)
                weight->pack(panel);
            first -= weight->to_pack(), last -= weight->to_pack();
        }
    });
}

// Columns of some rows of a, in blocks of `number` columns that are CHUNK * TILE_ROWS apart. Several blocks at once,
// so that what the cache brings for one of them is not gone again when the next one is read.
template <int NUMBER>
void gather(long blocks, long rows, const real* a, Rows a_rows, real* to) {
    for (long n = 0; n < rows; ++n, to += NUMBER) {
        const real* const row = a + a_rows[n];
        for (long block = 0; block < blocks; ++block)
            std::memcpy(to + block * CHUNK * TILE_ROWS, row + block * NUMBER, NUMBER * sizeof(real));
    }
}

typedef void (*Gather)(long, long, const real*, Rows, real*);

// c += a' . b, where c has `rows` rows, for the columns [first, last) of b and c, no more than GROUP. Of a and b,
// `depth` rows take part.
ONCE inline void multiply_transposed(long rows, long depth, const real* a, Rows a_rows, const real* b, Rows b_rows,
                                     real* c, long c_row, long first, long last, Watch& watch) {
    static const long order[TILE_ROWS] = {0, 1, 2, 3, 4, 5};
    static const Gather gathers[TILE_ROWS] = {gather<1>, gather<2>, gather<3>, gather<4>, gather<5>, gather<6>};
    Scratch scratch;
    const long width = padded(last - first);
    real* const panels = scratch.get(CHUNK * width);
    real* const gathered = scratch.get(BLOCKS * CHUNK * TILE_ROWS);
    real* const sum = scratch.zeros(rows * width);
    for (long k = 0; k < depth; k += CHUNK) {
        const long chunk = std::min(CHUNK, depth - k);
        watch.pass(double(rows) * chunk * width);
        for (long j = 0; j < width; j += WIDTH) {
            const long panel_width = std::min(WIDTH, width - j), filled = std::min(WIDTH, last - first - j);
            for (long n = 0; n < chunk; ++n)
                fill_row(b + b_rows[k + n] + first + j, filled, panel_width, panels + j * CHUNK + n * panel_width);
        }
        for (long i = 0, number, blocks; i < rows; i += number * blocks) {
            number = tile_rows(rows - i);
            blocks = number == TILE_ROWS ? std::min(BLOCKS, std::max((rows - i) / TILE_ROWS - 1, 1L)) : 1;
            gathers[number - 1](blocks, chunk, a + i, a_rows.from(k), gathered);
            for (long block = 0; block < blocks; ++block)
                for (long j = 0; j < width; j += WIDTH) {
                    const long panel_width = std::min(WIDTH, width - j);
                    narrow(number, panel_width / LANES)(
                        chunk, gathered + block * CHUNK * TILE_ROWS, {order, 1}, number, panels + j * CHUNK,
                        panel_width, 0, sum + (i + block * number) * width + j, {order, width}, true, {panels + j * CHUNK, panel_width});
                }
        }
    }
    for (long i = 0; i < rows; ++i)
        for (long j = first; j < last; ++j) c[i * c_row + j] += sum[i * width + j - first];
}

}  // namespace products
