// NumPy arrays for the steps, and the functions of a number that the steps call.

#include <cmath>
#include <stdexcept>
#include <string>

// glibc has these for vectors, too. It declares them so only under -ffast-math, which we do not want.
#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 22)
extern "C" __attribute__((simd("notinbranch"))) float expf(float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double exp(double) noexcept;
extern "C" __attribute__((simd("notinbranch"))) float logf(float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double log(double) noexcept;
#endif
#if __GLIBC_PREREQ(2, 35)
extern "C" __attribute__((simd("notinbranch"))) float tanhf(float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double tanh(double) noexcept;
extern "C" __attribute__((simd("notinbranch"))) float log1pf(float) noexcept;
extern "C" __attribute__((simd("notinbranch"))) double log1p(double) noexcept;
#endif
#endif

static inline float exponential(float x) { return expf(x); }
static inline double exponential(double x) { return exp(x); }
static inline float logarithm(float x) { return logf(x); }
static inline double logarithm(double x) { return log(x); }
static inline float logarithm_of_1_plus(float x) { return log1pf(x); }
static inline double logarithm_of_1_plus(double x) { return log1p(x); }
static inline float hyperbolic_tangent(float x) { return tanhf(x); }
static inline double hyperbolic_tangent(double x) { return tanh(x); }
static inline float square_root(float x) { return sqrtf(x); }
static inline double square_root(double x) { return sqrt(x); }
static inline float absolute(float x) { return fabsf(x); }
static inline double absolute(double x) { return fabs(x); }

// An array whose last axis is contiguous, or all of which is in order if so asked; a copy if the given one is not so.
template <typename element>
class Input {
    PyArrayObject* array;
public:
    ONCE explicit Input(PyArrayObject* given, bool in_order = false) : array(given) {
        const int last = PyArray_NDIM(given) - 1;
        bool is_fine = PyArray_ISBEHAVED_RO(given) && (!in_order || PyArray_IS_C_CONTIGUOUS(given));
        if (last >= 0 && PyArray_DIM(given, last) > 1)
            is_fine = is_fine && PyArray_STRIDE(given, last) == sizeof(element);
        for (int axis = 0; axis < last; ++axis)
            is_fine = is_fine && PyArray_STRIDE(given, axis) % long(sizeof(element)) == 0;
        if (is_fine)
            Py_INCREF(given);
        else
            array = reinterpret_cast<PyArrayObject*>(PyArray_NewCopy(given, NPY_CORDER));
        if (array == nullptr) throw std::bad_alloc();
    }
    Input(const Input&) = delete;
    ONCE ~Input() { Py_DECREF(array); }
    const element* data() const { return static_cast<const element*>(PyArray_DATA(array)); }
    long dim(int axis) const { return PyArray_DIM(array, axis); }
    // The way from one element to the next along an axis, in elements.
    long stride(int axis) const { return PyArray_STRIDE(array, axis) / long(sizeof(element)); }
};

// The state before the first step, or several, one for each step before it. That of all samples may be one row.
class Initial {
    const Input<real> array;
    const bool has_steps, is_row;

public:
    Initial(PyArrayObject* given, bool has_steps, bool is_row) : array(given), has_steps(has_steps), is_row(is_row) {}
    const real* at(long step) const { return array.data() + step * this->step(); }
    long step() const { return has_steps ? array.stride(0) : 0; }
    long row() const { return is_row ? 0 : array.stride(has_steps); }
    long samples() const { return array.dim(has_steps); }
    long dim(int axis) const { return array.dim(axis); }
    bool fits(long batch, long steps) const {
        return (is_row || samples() == batch) && (!has_steps || array.dim(0) >= steps);
    }
    ONCE bool is_zero(long steps, long columns) const {
        for (long step = 0; step < steps; ++step)
            for (long i = 0; i < (is_row ? 1 : samples()); ++i)
                for (long j = 0; j < columns; ++j)
                    if (at(step)[i * row() + j] != 0) return false;
        return true;
    }
};

ONCE static real* output(PyArrayObject** given, std::initializer_list<npy_intp> shape) {
    const int ndim = shape.size();
    const int type = sizeof(real) == sizeof(float) ? NPY_FLOAT : NPY_DOUBLE;
    if (*given == nullptr || !PyArray_ISCARRAY(*given) || PyArray_NDIM(*given) != ndim ||
        !std::equal(shape.begin(), shape.end(), PyArray_DIMS(*given))) {
        Py_XDECREF(*given);
        *given = reinterpret_cast<PyArrayObject*>(
            PyArray_EMPTY(ndim, const_cast<npy_intp*>(shape.begin()), type, 0));
        if (*given == nullptr) throw std::bad_alloc();
    }
    return static_cast<real*>(PyArray_DATA(*given));
}

// Let an output be an array that was given, if its elements lie in order.
ONCE static real* in_place(PyArrayObject** given, PyArrayObject* array, std::initializer_list<npy_intp> shape) {
    if (!PyArray_ISCARRAY(array)) return output(given, shape);
    Py_INCREF(array);
    Py_XDECREF(*given);
    *given = array;
    return static_cast<real*>(PyArray_DATA(array));
}

ONCE static void require(bool holds, const char* message) {
    if (!holds) throw std::invalid_argument(message);
}

ONCE static void require_equal(const char* name, long size, const char* other_name, long other) {
    if (size != other)
        throw std::invalid_argument("sizes that do not fit: " + (name + (" is " + std::to_string(size))) + ", " +
                                    other_name + " is " + std::to_string(other));
}
