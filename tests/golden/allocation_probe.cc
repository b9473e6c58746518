#include "allocation_probe.h"

#include <cstdlib>
#include <new>

namespace {
std::size_t g_allocated = 0;  // the tests run on one thread
}

void* operator new(std::size_t size) {
    g_allocated += size;
    if (void* block = std::malloc(size)) return block;
    std::abort();
}
void operator delete(void* block) noexcept { std::free(block); }
void operator delete(void* block, std::size_t) noexcept { std::free(block); }

namespace gregor::golden {

AllocationProbe::AllocationProbe() : before_(g_allocated) {}
std::size_t AllocationProbe::allocated() const { return g_allocated - before_; }

}  // namespace gregor::golden
