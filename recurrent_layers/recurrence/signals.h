// Python while its thread computes something long: its other threads run, and signals are heard.

#include <atomic>
#include <cstdint>

#include <pthread.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#endif

// The handler of a signal has raised something, which Python keeps.
struct Interrupted {};

// Other threads of Python run while this exists.
class WithoutPython {
    // Nanoseconds from one look for signals to the next.
    static constexpr int64_t PERIOD = 100000000;
    PyThreadState* state;
    const pthread_t thread;
    int64_t next_look;
    std::atomic<bool> is_interrupted;

    static int64_t now() {
        timespec time;
        clock_gettime(CLOCK_MONOTONIC, &time);
        return time.tv_sec * int64_t(1000000000) + time.tv_nsec;
    }

    // Python calls handlers in its main thread, which is that of the process unless somebody else began it.
    static bool is_main_thread() {
#if defined(__linux__)
        return syscall(SYS_gettid) == getpid();
#elif defined(__APPLE__)
        return pthread_main_np();
#else
        return false;
#endif
    }

    void look() {
        const int64_t time = now();
        if (next_look == 0) next_look = time + PERIOD;
        if (time < next_look || !is_main_thread()) return;
        const parts::Flushed as_usual(false);
        PyEval_RestoreThread(state);
        is_interrupted = PyErr_CheckSignals() != 0;
        state = PyEval_SaveThread();
        next_look = now() + PERIOD;
    }

public:
    WithoutPython() : state(PyEval_SaveThread()), thread(pthread_self()), next_look(0), is_interrupted(false) {}
    // Where Python ends meanwhile, it ends this thread here, by what C++ takes for an exception.
    ~WithoutPython() noexcept(false) { PyEval_RestoreThread(state); }

    // Let Python call the handlers of signals that have come. What one of them raises ends the work of all threads.
    void heed() {
        if (!is_interrupted && pthread_equal(pthread_self(), thread)) look();
        if (is_interrupted) throw Interrupted();
    }
};

// Heeds signals once in so many multiplications, a few milliseconds of a thread.
class Watch {
    static constexpr double OFTEN = 2e7;
    WithoutPython& python;
    double passed;

public:
    explicit Watch(WithoutPython& python) : python(python), passed(0) {}
    void pass(double multiplications) {
        if ((passed += multiplications) < OFTEN) return;
        passed = 0;
        python.heed();
    }
};
