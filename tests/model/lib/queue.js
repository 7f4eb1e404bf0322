// queue.js - what happens when: the earliest first, and in their order those at the same time.

export class Queue {
  #heap = [];
  #count = 0;

  add(when, what) {
    const heap = this.#heap;
    let i = heap.push({ when, what, count: this.#count++ }) - 1;
    for (let parent; i > 0 && earlier(heap[i], heap[parent = (i - 1) >> 1]); i = parent) swap(heap, i, parent);
  }

  /** When the earliest is; Infinity: none. */
  next() { return this.#heap[0]?.when ?? Infinity; }

  pop() {
    const heap = this.#heap;
    swap(heap, 0, heap.length - 1);
    const first = heap.pop();
    for (let i = 0, child; (child = 2 * i + 1) < heap.length; i = child) {
      if (child + 1 < heap.length && earlier(heap[child + 1], heap[child])) child++;
      if (!earlier(heap[child], heap[i])) break;
      swap(heap, i, child);
    }
    return first;
  }
}

const earlier = (a, b) => a.when < b.when || (a.when === b.when && a.count < b.count);
function swap(heap, i, j) { [heap[i], heap[j]] = [heap[j], heap[i]]; }
