/* Any index FAISS can make from a factory string, behind extern "C".
 *
 * FAISS's classes differ in what they take by query. What is known here: an inverted file takes
 * nprobe and a selector, a graph takes efSearch and a selector, flat stores take a selector; a
 * transformation before one of them is applied by hand, so that the same holds behind it.
 * Whether an index really takes parameters is tried out once; the others are asked plainly and
 * their answers sifted, and the caller falls back to an exact scan when too few are left.
 *
 * Additions to the common inverted files are split: finding the lists is slow and happens
 * beside searches, appending is quick. Others are added to in one go.
 *
 * OpenMP: each call holds FAISS to one thread and puts the caller's number back; only training
 * takes more. */
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <omp.h>

#include <faiss/IndexFlat.h>
#include <faiss/IndexHNSW.h>
#include <faiss/IndexIDMap.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/impl/IDSelector.h>
#include <faiss/impl/io.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

#include "index/faiss_guard.hpp"

namespace
{

class Threads
{
  public:
    explicit Threads(unsigned n) : before(omp_get_max_threads())
    {
        omp_set_num_threads(int(n));
    }
    ~Threads()
    {
        omp_set_num_threads(before);
    }
    Threads(const Threads &) = delete;
    Threads &operator=(const Threads &) = delete;

  private:
    int before;
};

struct Selector : faiss::IDSelector {
    const lat_shim_select *select;

    explicit Selector(const lat_shim_select *select_) : select(select_)
    {
    }
    bool is_member(int64_t id) const override
    {
        return id >= 0 && lat::selected(select, size_t(id));
    }
};

struct Writer : faiss::IOWriter {
    lat_shim_write_fn *write;
    void *context;

    Writer(lat_shim_write_fn *write_, void *context_) : write(write_), context(context_)
    {
    }
    size_t operator()(const void *bytes, size_t size, size_t n) override
    {
        if (!write(context, bytes, size * n))
            throw lat::Interrupted("writing was interrupted");
        return n;
    }
};

struct Reader : faiss::IOReader {
    lat_shim_read_fn *read;
    void *context;

    Reader(lat_shim_read_fn *read_, void *context_) : read(read_), context(context_)
    {
    }
    size_t operator()(void *bytes, size_t size, size_t n) override
    {
        size_t len;
        if (__builtin_mul_overflow(size, n, &len) || !read(context, bytes, len))
            throw lat::Interrupted("reading was interrupted");
        return n;
    }
};

} // namespace

struct lat_shim_index {
    std::unique_ptr<faiss::Index> whole;
    faiss::IndexPreTransform *before = nullptr; /* transformations, or none */
    faiss::Index *inner = nullptr;              /* behind them */
    faiss::IndexIVF *ivf = nullptr;
    faiss::IndexHNSW *hnsw = nullptr;
    bool takes_parameters = false;
    bool splits_additions = false;

    std::vector<float> rows; /* prepared */
    std::vector<int64_t> lists;
    size_t n_prepared = 0;

    void adopt(faiss::Index *index)
    {
        whole.reset(index);
        before = dynamic_cast<faiss::IndexPreTransform *>(index);
        inner = before ? before->index : index;
        ivf = dynamic_cast<faiss::IndexIVF *>(inner);
        hnsw = dynamic_cast<faiss::IndexHNSW *>(inner);
        /* Half a minute of training for Hamming distances nobody asks for. */
        if (auto *pq = dynamic_cast<faiss::IndexIVFPQ *>(inner))
            pq->do_polysemous_training = false;
        if (auto *pq = dynamic_cast<faiss::IndexPQ *>(inner))
            pq->do_polysemous_training = false;
        splits_additions = dynamic_cast<faiss::IndexIVFFlat *>(inner) ||
                           dynamic_cast<faiss::IndexIVFPQ *>(inner) ||
                           dynamic_cast<faiss::IndexIVFScalarQuantizer *>(inner);
    }

    void search(const float *query, size_t k, uint32_t breadth, faiss::IDSelector *selector,
                int64_t *labels) const
    {
        std::vector<float> scores(k);
        if (ivf) {
            const size_t nprobe = std::min(std::max(size_t(breadth), size_t(1)), ivf->nlist);
            std::vector<float> near(nprobe);
            std::vector<int64_t> lists_near(nprobe);
            ivf->quantizer->search(1, query, int64_t(nprobe), near.data(), lists_near.data());
            faiss::IVFSearchParameters parameters;
            faiss::IndexIVFStats stats; /* ours: FAISS's are shared by all threads */
            parameters.sel = selector;
            parameters.nprobe = nprobe;
            ivf->search_preassigned(1, query, int64_t(k), lists_near.data(), near.data(),
                                    scores.data(), labels, false, &parameters, &stats);
        } else if (hnsw) {
            faiss::SearchParametersHNSW parameters;
            parameters.sel = selector;
            parameters.efSearch = int(std::max(breadth, uint32_t(1)));
            hnsw->search(1, query, int64_t(k), scores.data(), labels, &parameters);
        } else {
            faiss::SearchParameters parameters;
            parameters.sel = selector;
            inner->search(1, query, int64_t(k), scores.data(), labels, &parameters);
        }
    }

    /* Some classes throw when they are given parameters. */
    void try_parameters()
    {
        const std::vector<float> query(size_t(inner->d), 1.0F);
        const uint64_t none = 0;
        const lat_shim_select nothing = {nullptr, &none, 0};
        Selector selector(&nothing);
        int64_t label = -1;
        try {
            search(query.data(), 1, 1, &selector, &label);
            takes_parameters = label < 0;
        } catch (const std::bad_alloc &) {
            throw;
        } catch (const std::exception &) {
            takes_parameters = false;
        }
    }
};

extern "C" const char *lat_shim_version(void)
{
#define TEXT_OF(x)            #x
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)
    return VERSION_TEXT(FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH);
}

extern "C" lat_status lat_shim_index_new(lat_distance metric, size_t d, const char *factory,
                                         lat_shim_index **out, lat_shim_error *error)
{
    return lat::guard(error, LAT_INVALID, [&] {
        const Threads one(1);
        auto index = std::make_unique<lat_shim_index>();
        index->adopt(faiss::index_factory(
            int(d), factory,
            metric == LAT_DISTANCE_IP ? faiss::METRIC_INNER_PRODUCT : faiss::METRIC_L2));
        if (dynamic_cast<faiss::IndexIDMap *>(index->whole.get()))
            throw std::runtime_error("an IDMap is not needed: ids are kept beside the index");
        if (index->whole->is_trained)
            index->try_parameters();
        *out = index.release();
    });
}

extern "C" void lat_shim_index_free(lat_shim_index *index)
{
    delete index;
}

extern "C" bool lat_shim_index_needs_training(const lat_shim_index *index)
{
    return !index->whole->is_trained;
}

extern "C" lat_status lat_shim_index_train(lat_shim_index *index, size_t n, const float *rows,
                                           unsigned threads, lat_shim_error *error)
{
    return lat::guard(error, LAT_INVALID, [&] {
        const Threads some(threads ? threads : 1);
        index->whole->train(int64_t(n), rows);
        index->try_parameters();
    });
}

extern "C" size_t lat_shim_index_count(const lat_shim_index *index)
{
    return size_t(index->whole->ntotal);
}

extern "C" size_t lat_shim_index_bytes(const lat_shim_index *index)
{
    const size_t n = size_t(index->whole->ntotal);
    if (index->ivf)
        return n * (index->ivf->code_size + sizeof(int64_t)) +
               index->ivf->nlist * size_t(index->ivf->d) * sizeof(float);
    size_t links = 0;
    const faiss::Index *store = index->inner;
    if (index->hnsw) {
        links = index->hnsw->hnsw.neighbors.size() * sizeof(int32_t) + n * 12;
        store = index->hnsw->storage;
    }
    size_t row = size_t(index->inner->d) * sizeof(float);
    try {
        row = store->sa_code_size();
    } catch (const std::exception &) {
        /* An index that cannot say is counted as if it kept floats. */
    }
    return links + n * row;
}

extern "C" size_t lat_shim_index_max_breadth(const lat_shim_index *index)
{
    if (index->ivf)
        return index->ivf->nlist;
    return index->hnsw ? size_t(1024) : 0;
}

extern "C" void lat_shim_index_set_breadth(lat_shim_index *index, uint32_t breadth)
{
    if (index->ivf)
        index->ivf->nprobe = breadth;
    if (index->hnsw)
        index->hnsw->hnsw.efSearch = int(breadth);
}

extern "C" lat_status lat_shim_index_prepare(lat_shim_index *index, size_t n, const float *rows,
                                             lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        const Threads one(1);
        const size_t d = size_t(index->whole->d);
        index->n_prepared = n;
        if (!index->splits_additions) {
            index->rows.assign(rows, rows + n * d);
            return;
        }
        const size_t inner_d = size_t(index->inner->d);
        const float *ready =
            index->before ? index->before->apply_chain(int64_t(n), rows) : rows;
        const std::unique_ptr<const float[]> owned(ready == rows ? nullptr : ready);
        index->rows.assign(ready, ready + n * inner_d);
        index->lists.resize(n);
        index->ivf->quantizer->assign(int64_t(n), index->rows.data(), index->lists.data());
    });
}

extern "C" lat_status lat_shim_index_commit(lat_shim_index *index, lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        const Threads one(1);
        const int64_t n = int64_t(index->n_prepared);
        if (!index->splits_additions) {
            index->whole->add(n, index->rows.data());
            return;
        }
        index->ivf->add_core(n, index->rows.data(), nullptr, index->lists.data());
        if (index->before)
            index->before->ntotal = index->inner->ntotal;
    });
}

extern "C" lat_status lat_shim_index_search(const lat_shim_index *index, const float *query,
                                            size_t k, uint32_t breadth,
                                            const lat_shim_select *select, int64_t *out,
                                            lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        const Threads one(1);
        std::fill(out, out + k, int64_t(-1));
        if (!index->takes_parameters) {
            std::vector<float> scores(k);
            index->whole->search(1, query, int64_t(k), scores.data(), out);
            for (size_t i = 0; i < k; i++)
                if (out[i] >= 0 && !lat::selected(select, size_t(out[i])))
                    out[i] = -1;
            return;
        }
        const float *ready = index->before ? index->before->apply_chain(1, query) : query;
        const std::unique_ptr<const float[]> owned(ready == query ? nullptr : ready);
        Selector selector(select);
        index->search(ready, k, breadth, &selector, out);
    });
}

extern "C" lat_status lat_shim_index_write(const lat_shim_index *index,
                                           lat_shim_write_fn *write, void *context,
                                           lat_shim_error *error)
{
    return lat::guard(error, LAT_INTERNAL, [&] {
        Writer writer(write, context);
        faiss::write_index(index->whole.get(), &writer);
    });
}

extern "C" lat_status lat_shim_index_read(size_t d, lat_shim_read_fn *read, void *context,
                                          lat_shim_index **out, lat_shim_error *error)
{
    return lat::guard(error, LAT_CORRUPT, [&] {
        const Threads one(1);
        Reader reader(read, context);
        auto index = std::make_unique<lat_shim_index>();
        index->adopt(faiss::read_index(&reader));
        if (size_t(index->whole->d) != d || index->whole->ntotal < 0 ||
            !index->whole->is_trained)
            throw lat::Corrupt("an index of another shape");
        index->try_parameters();
        *out = index.release();
    });
}
