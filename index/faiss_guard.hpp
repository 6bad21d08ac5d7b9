/* No exception leaves C++: what is thrown becomes a status and words. */
#ifndef LAT_INDEX_FAISS_GUARD_HPP
#define LAT_INDEX_FAISS_GUARD_HPP

#include <cstdio>
#include <exception>
#include <new>
#include <stdexcept>

#include "index/faiss_shim.h"

namespace lat
{

/* Bytes that make no index. */
struct Corrupt : std::runtime_error {
    using std::runtime_error::runtime_error;
};

/* What the callbacks of reading and writing report: their own status is kept by the caller. */
struct Interrupted : std::runtime_error {
    using std::runtime_error::runtime_error;
};

inline lat_status explain(lat_shim_error *error, lat_status status, const char *words)
{
    if (error)
        std::snprintf(error->words, sizeof(error->words), "%s", words);
    return status;
}

/* Runs the body; `refused` is the status of an exception FAISS throws itself. */
template <class Body> lat_status guard(lat_shim_error *error, lat_status refused, Body body)
{
    try {
        body();
        return LAT_OK;
    } catch (const std::bad_alloc &) {
        return explain(error, LAT_NO_MEMORY, "out of memory");
    } catch (const std::length_error &) {
        return explain(error, refused, "a size that cannot be");
    } catch (const Corrupt &e) {
        return explain(error, LAT_CORRUPT, e.what());
    } catch (const Interrupted &e) {
        return explain(error, LAT_IO, e.what());
    } catch (const std::exception &e) {
        return explain(error, refused, e.what());
    } catch (...) {
        return explain(error, LAT_INTERNAL, "an unknown C++ exception");
    }
}

inline bool selected(const lat_shim_select *select, size_t i)
{
    const uint64_t bit = UINT64_C(1) << (i % 64);
    if (select->shown && !(select->shown[i / 64] & bit))
        return false;
    return !select->passed || (i / 64 < select->n_passed_words && select->passed[i / 64] & bit);
}

} // namespace lat

#endif
