// Where ExecuTorch gets its memory from.
#pragma once
#include <executorch/runtime/core/memory_allocator.h>

#include <cstdlib>

#include "memory.h"

// From malloc, block by block, as the allocators that `Module` uses by default: no arena size has to be guessed.
class HeapAllocator final : public executorch::runtime::MemoryAllocator {
 public:
  HeapAllocator() : MemoryAllocator(0, nullptr) {}

  void *allocate(size_t size, size_t alignment) override {
    if (!isPowerOf2(alignment) || size > SIZE_MAX - alignment - sizeof(Block)) return nullptr;
    auto *block = static_cast<Block *>(malloc(sizeof(Block) + size + alignment));
    if (!block) return nullptr;
    *block = {blocks_};
    blocks_ = block;
    return alignPointer(block + 1, alignment);
  }

  void reset() override {
    while (blocks_) {
      Block *done = blocks_;
      blocks_ = done->next;
      free(done);
    }
  }

 private:
  struct Block {
    Block *next;
  };
  Block *blocks_ = nullptr;
};
