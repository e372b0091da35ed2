// Products of matrices whose right side is read many times, from one thread.
//
// The right side is packed once into panels, a few vectors wide, in the order in which it is read. A tile of the
// result, as large as the registers hold, then stays in them while one row of a panel after the other passes by.
// BLAS packs again at each call, which costs more than the product where the left side has as few rows as a batch.

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <vector>

#include <pthread.h>
#include <sched.h>

namespace products {

#ifdef __AVX512F__
constexpr long VECTOR_BYTES = 64, TILE_ROWS = 6, TILE_VECTORS = 4;
#else
constexpr long VECTOR_BYTES = 32, TILE_ROWS = 4, TILE_VECTORS = 3;
#endif
typedef real vector __attribute__((vector_size(VECTOR_BYTES)));
typedef real unaligned_vector __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(real)), may_alias));
constexpr long LANES = VECTOR_BYTES / sizeof(real), WIDTH = TILE_VECTORS * LANES;
// So many rows of a panel stay in the cache while they are read for one block of rows after the other.
constexpr long CHUNK = 512;

inline long padded(long n) { return (n + LANES - 1) / LANES * LANES; }

// Memory for the working values of a call, aligned to vectors.
class Scratch {
    std::vector<void*> blocks;
public:
    Scratch() {}
    Scratch(const Scratch&) = delete;
    ~Scratch() { for (void* block : blocks) free(block); }
    real* get(long n) {
        void* block = nullptr;
        if (posix_memalign(&block, VECTOR_BYTES, std::max(n, 1L) * sizeof(real))) throw std::bad_alloc();
        blocks.push_back(block);
        return static_cast<real*>(block);
    }
    real* zeros(long n) {
        real* block = get(n);
        std::fill(block, block + n, real(0));
        return block;
    }
};

// c = a . panel, or c += a . panel. Element (i, k) of a is a[i * a_row + k * a_column].
template <int ROWS, int VECTORS>
void tile(long depth, const real* a, long a_row, long a_column, const real* panel, real* c, long c_row, bool add) {
    vector sum[ROWS][VECTORS];
    for (int i = 0; i < ROWS; ++i)
        for (int v = 0; v < VECTORS; ++v)
            sum[i][v] = add ? *reinterpret_cast<const unaligned_vector*>(c + i * c_row + v * LANES) : vector{};
    for (long k = 0; k < depth; ++k) {
        vector right[VECTORS];
        for (int v = 0; v < VECTORS; ++v)
            right[v] = *reinterpret_cast<const unaligned_vector*>(panel + (k * VECTORS + v) * LANES);
        for (int i = 0; i < ROWS; ++i) {
            const vector left = vector{} + a[i * a_row + k * a_column];
            for (int v = 0; v < VECTORS; ++v) sum[i][v] += left * right[v];
        }
    }
    for (int i = 0; i < ROWS; ++i)
        for (int v = 0; v < VECTORS; ++v)
            *reinterpret_cast<unaligned_vector*>(c + i * c_row + v * LANES) = sum[i][v];
}

typedef void (*Tile)(long, const real*, long, long, const real*, real*, long, bool);

template <int VECTORS>
Tile tile_of(long rows) {
    static const Tile tiles[] = {tile<1, VECTORS>, tile<2, VECTORS>, tile<3, VECTORS>, tile<4, VECTORS>,
#if defined(__AVX512F__)
                                 tile<5, VECTORS>, tile<6, VECTORS>
#endif
    };
    return tiles[rows - 1];
}

inline Tile tile_of(long rows, long vectors) {
    switch (vectors) {
        case 1: return tile_of<1>(rows);
        case 2: return tile_of<2>(rows);
        case 3: return tile_of<3>(rows);
        default: return tile_of<TILE_VECTORS>(rows);
    }
}

// Columns [first, last) of rows of b as one panel. Element (k, j) of b is b[k * b_row + j * b_column].
inline void pack_panel(long depth, const real* b, long b_row, long b_column, long first, long last, real* panel) {
    const long width = padded(last - first);
    for (long k = 0; k < depth; ++k, panel += width) {
        const real* const row = b + k * b_row + first * b_column;
        if (b_column == 1)
            std::memcpy(panel, row, (last - first) * sizeof(real));
        else
            for (long j = 0; j < last - first; ++j) panel[j] = row[j * b_column];
        std::fill(panel + (last - first), panel + width, real(0));
    }
}

// Work in pieces: each thread that comes takes the next one, until none is left.
class Jobs {
    struct Work {
        std::vector<std::function<void()>> jobs;
        std::atomic<long> next{0}, done{0};
        std::atomic<bool> has_failed{false};
        std::exception_ptr error;

        void take() {
            const long size = jobs.size();
            for (long job = next++; job < size; job = next++) {
                try {
                    jobs[job]();
                } catch (...) {
                    if (!has_failed.exchange(true)) error = std::current_exception();
                }
                ++done;
            }
        }
    };
    // Shared with threads that may find a processor only when all is done.
    const std::shared_ptr<Work> work = std::make_shared<Work>();

    static void* come(void* given) {
        const std::unique_ptr<std::shared_ptr<Work>> shared(static_cast<std::shared_ptr<Work>*>(given));
        (*shared)->take();
        return nullptr;
    }

    // Start a thread that takes jobs. Where the system gives us no more of them, there are fewer.
    void start() const {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
#ifdef __GLIBC__
        // Linux often puts a new thread where its maker is busy, and moves it after milliseconds: too late for us.
        cpu_set_t processors;
        const int processor = sched_getcpu();
        if (processor >= 0 && sched_getaffinity(0, sizeof(processors), &processors) == 0) {
            CPU_CLR(processor, &processors);
            if (CPU_COUNT(&processors) > 0) pthread_attr_setaffinity_np(&attributes, sizeof(processors), &processors);
        }
#endif
        auto* const shared = new std::shared_ptr<Work>(work);
        pthread_t thread;
        if (pthread_create(&thread, &attributes, come, shared) != 0) delete shared;
        pthread_attr_destroy(&attributes);
    }

public:
    void add(std::function<void()> job) { work->jobs.push_back(std::move(job)); }

    // Take jobs until none is left, and wait for those that others have taken. What one of them throws, this throws.
    void take_and_wait() const {
        work->take();
        while (work->done < static_cast<long>(work->jobs.size())) sched_yield();
        if (work->error) std::rethrow_exception(work->error);
    }

    // The same, with so many threads, this one among them.
    void run(long threads) const {
        for (long thread = 1; thread < std::min<long>(threads, work->jobs.size()); ++thread) start();
        take_and_wait();
    }
};

// A matrix (depth, columns), packed once the jobs are done.
struct Packed {
    const long depth, columns;
    real* const panels;

    Packed(Scratch& scratch, Jobs& jobs, const real* b, long b_row, long b_column, long depth, long columns)
        : depth(depth), columns(columns), panels(scratch.get(depth * padded(columns))) {
        for (long j = 0; j < columns; j += WIDTH)
            jobs.add([=] {
                pack_panel(depth, b, b_row, b_column, j, std::min(j + WIDTH, columns), panels + j * depth);
            });
    }

    // c = a . this, or c += a . this. Rows of c have room for padded(columns).
    void multiply(long rows, const real* a, long a_row, real* c, long c_row, bool add) const {
        const long blocks = (rows + TILE_ROWS - 1) / TILE_ROWS;
        for (long j = 0; j < columns; j += WIDTH) {
            const long vectors = padded(std::min(WIDTH, columns - j)) / LANES;
            for (long block = 0; block < blocks; ++block) {
                const long i = rows * block / blocks, end = rows * (block + 1) / blocks;
                tile_of(end - i, vectors)(depth, a + i * a_row, a_row, 1, panels + j * depth, c + i * c_row + j,
                                          c_row, add);
            }
        }
    }

    // The same for several steps, whose rows are `a_step` and `c_step` apart; in tiles of rows or of steps.
    void multiply_steps(long steps, long rows, const real* a, long a_step, long a_row, real* c, long c_step, long c_row,
                        bool add) const {
        if (rows >= steps)
            for (long t = 0; t < steps; ++t) multiply(rows, a + t * a_step, a_row, c + t * c_step, c_row, add);
        else
            for (long i = 0; i < rows; ++i) multiply(steps, a + i * a_row, a_step, c + i * c_row, c_step, add);
    }
};

// c += a' . b, where c has `rows` rows, for the columns [first, last) of b and c, no more than WIDTH.
inline void multiply_transposed(long rows, long depth, const real* a, long a_row, const real* b, long b_row, real* c,
                                long c_row, long first, long last) {
    Scratch scratch;
    const long width = padded(last - first), blocks = (rows + TILE_ROWS - 1) / TILE_ROWS;
    real* const panel = scratch.get(CHUNK * width);
    real* const sum = scratch.zeros(rows * width);
    for (long k = 0; k < depth; k += CHUNK) {
        const long chunk = std::min(CHUNK, depth - k);
        pack_panel(chunk, b + k * b_row, b_row, 1, first, last, panel);
        for (long block = 0; block < blocks; ++block) {
            const long i = rows * block / blocks, end = rows * (block + 1) / blocks;
            tile_of(end - i, width / LANES)(chunk, a + k * a_row + i, 1, a_row, panel, sum + i * width, width, true);
        }
    }
    for (long i = 0; i < rows; ++i)
        for (long j = first; j < last; ++j) c[i * c_row + j] += sum[i * width + j - first];
}

}  // namespace products
