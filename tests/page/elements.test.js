// elements.test.js - shared elements: whatever the order, repetition and delay of pieces, all
// ends are the same; and what a peer may send is bounded.
import assert from 'node:assert/strict';
import test from 'node:test';
import { BUCKETS, ELEMENTS_MAX, Elements, GRAVES_MAX, PIECE_POINTS, POINTS_MAX } from '../../src/page/board/elements.js';
import { BOARD_MESSAGE_MAX } from '../../src/page/board/sync.js';
import { COLOURS, COORDINATE_MAX, PRESSURE_MAX, RULES, formatFor } from '../../src/page/board/shapes.js';
import { dice } from './lib/webrtc.js';

const good = { id: 'a-1', version: 1, by: 'a', at: 0, points: [0, 0, 50, 5, 5, 50],
  value: { order: 1, kind: 'pen', colour: 0, width: 3, x: 0, y: 0 } };
const shape = { ...good.value, kind: 'rectangle', w: 10, h: -10 };
const text = { ...good.value, kind: 'text', text: 'two\nlines' };

const value = (random) => ({ order: random(50), kind: 'pen', colour: random(6), width: [3, 7, 16][random(3)], x: 0, y: 0 });

function points(random, n) {
  const all = [];
  for (let i = 0; i < n; i++) all.push(random(8_000) - 4_000, random(8_000) - 4_000, random(101));
  return all;
}

/** A piece as it comes from another: it shares nothing with that one's. (structuredClone() writes and reads bytes for it, which
 *  took most of the time here.) */
function copied(piece) {
  const copy = { ...piece };
  for (const name of Object.keys(copy)) {
    const member = copy[name];
    if (Array.isArray(member)) copy[name] = member.slice();
    else if (typeof member === 'object' && member) copy[name] = { ...member };
  }
  return copy;
}

/** Pieces as they were made by some authors who also see a part of each other's. */
function history(random) {
  const authors = Array.from({ length: 3 }, () => new Elements(RULES));
  const all = [];
  for (let i = 0; i < 120; i++) {
    const author = authors[random(authors.length)];
    const one = author.list[random(author.list.length || 1)];
    const before = one ? author.count(one) : 0;
    const what = one ? random(7) : 0;
    if (what === 6) {
      const pieces = author.removeAll(author.list.filter(() => random(4) === 0));
      all.push(...pieces.map((piece) => copied(piece)));
      for (const other of authors) for (const piece of pieces) if (other !== author && random(2)) other.merge(piece);
      continue;
    }
    const merged = what === 0 ? author.add(value(random), points(random, 1 + random(5)))
      : what === 1 ? author.remove(one)
        : what === 2 ? author.edit(one, { x: random(100), order: random(50) })
          : what === 3 ? restored(author, random)
            : author.extend(one, points(random, 1 + random(30)));
    if (!merged) continue;
    const pieces = [...author.pieces(merged.element, [2, 4, 5].includes(what) ? before : 0)].map((piece) => copied(piece));
    all.push(...pieces);
    for (const other of authors) for (const piece of pieces) if (other !== author && random(2)) other.merge(piece);
  }
  return all;
}

/** Something that was deleted comes back, perhaps. */
function restored(author, random) {
  const { element } = author.add(value(random), points(random, 700)) ?? {};
  if (!element) return null;
  const { value: was, points: had } = element;
  author.remove(element);
  const merged = author.restore(element, was, had);
  assert.equal(author.count(merged.element), 700);
  return merged;
}

/** Two authors that extend one version contradict each other: here the first does alone. */
function consistent(pieces) {
  const longest = new Map();
  return pieces.filter(({ id, version, by, at, points: more }) => {
    if (!more) return true;
    const key = [id, version, by].join();
    const have = longest.get(key) ?? 0;
    if (at !== have) return false;
    longest.set(key, at + more.length / 3);
    return true;
  });
}

function shuffled(list, random) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

test('random changes, random delivery: the same everywhere', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = dice(seed);
    const pieces = consistent(history(random));
    const ends = Array.from({ length: 4 }, () => new Elements(RULES));
    for (const end of ends) {
      const doubled = [...pieces, ...pieces.filter(() => random(3) === 0)];
      for (const piece of shuffled(doubled, random)) end.merge(copied(piece));
    }
    for (const end of ends.slice(1)) {
      assert.equal(end.canonical(), ends[0].canonical(), `seed ${seed}`);
      assert.deepEqual(end.hashes(), ends[0].hashes(), `seed ${seed}`);
      assert.deepEqual(end.list.map(({ id }) => id), ends[0].list.map(({ id }) => id), `seed ${seed}`);
      assert.equal(end.points, ends[0].points, `seed ${seed}`);
    }
    assert.equal(ends[0].points, ends[0].list.reduce((sum, one) => sum + one.points.length / 3, 0));
  }
});

test('two that differ become the same by what each lacks, and by no more than that', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const pieces = consistent(history(random));
    const [one, other] = [new Elements(RULES), new Elements(RULES)];
    for (const piece of pieces) {
      const to = random(4);
      if (to !== 1) one.merge(copied(piece));
      if (to !== 2) other.merge(copied(piece));
    }
    // What closes a gap may bring to light what was held behind it, and so on.
    for (let round = 0; round < 20; round++) {
      const [mine, theirs] = round % 2 ? [one, other] : [other, one];
      const [ours, others] = [mine.hashes(), theirs.hashes()];
      const buckets = Array.from({ length: BUCKETS }, (_, i) => i).filter((i) => others[i] && ours[i] !== others[i]);
      const seen = new Set();
      for (const piece of theirs.lacking(buckets, mine.known(buckets))) {
        const merged = mine.merge(copied(piece));
        // What follows on the first piece may have been held already, for want of that.
        assert.ok(merged || seen.has(piece.id), `seed ${seed}: new in it`);
        seen.add(piece.id);
      }
    }
    assert.equal(one.canonical(), other.canonical(), `seed ${seed}`);
  }
});

test('edits of one version: the higher counts, and points are everybody\'s', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element } = ann.add(good.value, [0, 0, 50]);
  for (const piece of ann.pieces(element)) bob.merge(copied(piece));
  const [other] = bob.list;
  // Bob moves what ann still draws.
  assert.equal(bob.edit(other, { x: 7 }).replaced, true);
  ann.extend(element, [1, 1, 50]);
  const sent = [...ann.pieces(element, 1)];
  for (const piece of bob.pieces(other, 1)) ann.merge(copied(piece));
  for (const piece of sent) bob.merge(copied(piece));
  assert.deepEqual([element.value.x, ann.count(element), ann.canonical()], [7, 2, bob.canonical()]);
  assert.equal(bob.merge(copied(sent[0])), null, 'an earlier edit is no news');
});

/** What a hostile peer makes of a piece, or by itself. */
function spoiled(piece, random) {
  const page = piece.dead ?? piece.id.replace(/-\d+$/, '');
  const number = () => [0, 1, 2, 3, 5, 1e9 - 1, 1e9][random(7)];
  const name = () => ['0', 'm', 'zzzz'][random(3)];
  const start = 1 + random(20);
  const kinds = [
    () => ({ ...piece, version: number(), by: name() }),
    () => ({ ...piece, points: piece.points?.map((n, i) => (i % 3 === 2 ? n : n + random(3) - 1)) }),
    () => piece.value && ({ ...piece, edit: 1 + number(), editor: name(), value: { ...piece.value, x: random(9) } }),
    () => piece.value && ({ ...piece, value: { ...piece.value, order: [0, 1e9][random(2)] } }),
    () => piece.value && ({ ...piece, value: { ...piece.value, format: [2, 3, 1_000][random(3)], fill: random(3) } }),
    () => piece.value && ({ ...piece, value: { ...piece.value, kind: 'image', b: { y: 1, x: 1 }, a: [NaN, random(2)] } }),
    () => ({ ...piece, at: random(4_000) }),
    () => ({ id: piece.id, version: number(), by: name(), value: null }),
    () => ({ id: `${name()}-${random(30)}`, version: number(), by: name(), value: null }),
    () => ({ dead: [page, name()][random(2)], runs: [start, start + random(4), random(5) ? 1 + random(4) : 1e9] }),
  ];
  return kinds[random(kinds.length)]() || piece;
}

/** With what hostile peers sent to somebody or all. */
function attacked(random) {
  const pieces = history(random);
  return [...pieces, ...Array.from({ length: 80 }, () => spoiled(pieces[random(pieces.length)], random))];
}

function alike(ends, why) {
  for (const end of ends.slice(1)) {
    assert.equal(end.canonical(), ends[0].canonical(), why);
    assert.deepEqual(end.hashes(), ends[0].hashes(), why);
    assert.deepEqual(end.list.map(({ id }) => id), ends[0].list.map(({ id }) => id), why);
  }
}

/** One asks the other, as sync.js does; how many pieces were news. */
function ask(mine, theirs) {
  const [ours, others] = [mine.hashes(), theirs.hashes()];
  const buckets = Array.from({ length: BUCKETS }, (_, i) => i).filter((i) => others[i] && ours[i] !== others[i]);
  let news = 0;
  for (const piece of theirs.lacking(buckets, structuredClone(mine.known(buckets)))) news += Number(mine.merge(copied(piece)) !== null);
  return news;
}

/** All ask each other until there is nothing new. */
function settle(ends, why) {
  for (let rounds = 0, news = 1; news; rounds++) {
    assert.ok(rounds < 30, `${why}: it ends`);
    news = 0;
    for (const mine of ends) for (const theirs of ends) if (mine !== theirs) news += ask(mine, theirs);
  }
}

test('whatever hostile peers say, in any order and doubled: the same everywhere', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const random = dice(seed);
    const pieces = attacked(random);
    const ends = Array.from({ length: 4 }, () => new Elements(RULES));
    for (const end of ends) {
      const doubled = [...pieces, ...pieces.filter(() => random(3) === 0)];
      for (const piece of shuffled(doubled, random)) end.merge(copied(piece));
    }
    alike(ends, `seed ${seed}`);
    assert.equal(ends[0].points, ends[0].list.reduce((sum, one) => sum + one.points.length / 3, 0), `seed ${seed}`);
  }
});

test('who heard other things of hostile peers becomes the same by telling what differs, and then nothing does', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const pieces = attacked(random);
    const ends = Array.from({ length: 3 }, () => new Elements(RULES));
    for (const end of ends) for (const piece of shuffled(pieces, random)) if (random(3)) end.merge(copied(piece));
    settle(ends, `seed ${seed}`);
    alike(ends, `seed ${seed}`);
  }
});

test('where bounds clip, it is the same too, whatever came first: the lowest stay', () => {
  const max = { elements: 12, points: 300, graves: 8 };
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const pieces = attacked(random);
    const ends = Array.from({ length: 3 }, () => new Elements(RULES, max));
    for (const end of ends) {
      for (const piece of shuffled(pieces, random)) end.merge(copied(piece));
      assert.ok(end.list.length <= max.elements && end.points <= max.points && end.graves <= max.graves, `seed ${seed}`);
      assert.equal(end.points, end.list.reduce((sum, one) => sum + one.points.length / 3, 0), `seed ${seed}`);
    }
    settle(ends, `seed ${seed}`);
    alike(ends, `seed ${seed}`);
  }
  // Without deletions it needs no telling.
  for (let seed = 1; seed <= 30; seed++) {
    const random = dice(seed);
    const pieces = Array.from({ length: 40 }, (_, i) => ({ ...good, id: `a-${i + 1}`, value: value(random), points: points(random, random(3)) }));
    const ends = Array.from({ length: 4 }, () => new Elements(RULES, { ...max, points: POINTS_MAX }));
    for (const end of ends) for (const piece of shuffled(pieces, random)) end.merge(copied(piece));
    alike(ends, `seed ${seed}`);
    const lowest = pieces.sort((a, b) => a.value.order - b.value.order || (a.id < b.id ? -1 : 1)).slice(0, max.elements);
    assert.deepEqual(ends[0].list.map(({ id }) => id), lowest.map(({ id }) => id), `seed ${seed}`);
  }
});

test('who is in the way of others is told: what is gone from under it, and what is shorter', () => {
  const elements = new Elements(RULES, { elements: 2, points: 4, graves: 9 });
  const lost = [];
  elements.lost = ({ id, value: left, points: some }) => lost.push([id, left && some.length / 3]);
  const put = (id, order, count) => elements.merge({ ...good, id, value: { ...good.value, order }, points: Array(3 * count).fill(0) });
  put('a-1', 5, 1);
  put('a-2', 4, 3);
  assert.deepEqual(lost, []);
  assert.equal(elements.full, true);
  assert.equal(put('a-3', 6, 1), null, 'there is no place on top');
  put('a-4', 1, 2);
  assert.deepEqual([lost, elements.points], [[['a-1', null], ['a-2', 2]], 4]);
  elements.merge({ dead: 'a', runs: [1, 9, 2] });
  assert.deepEqual([elements.list, elements.points, lost.length], [[], 0, 4]);
});

/** Somebody who comes with what was kept of the board, by key. */
function returning(kept) {
  const elements = new Elements(RULES);
  for (const piece of [...kept.values()].flat()) elements.merge(copied(piece));
  return elements;
}

test('nothing that was deleted comes back, nor gets lost what was not: people go, and come back with what they kept', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const people = Array.from({ length: 4 }, () => ({ kept: new Map(), elements: new Elements(RULES), here: true }));
    const [made, deleted] = [new Set(), new Set()];
    const keep = (person, id) => {
      for (const [key, pieces] of person.elements.kept([id])) {
        if (pieces) person.kept.set(key, structuredClone(pieces));
        else person.kept.delete(key);
      }
    };
    const take = (person, piece) => {
      person.elements.lost = ({ id }) => keep(person, id);
      const merged = person.elements.merge(copied(piece));
      if (merged) keep(person, merged.element.id);
    };
    const tell = (person, merged) => {
      keep(person, merged.element.id);
      for (const piece of person.elements.pieces(merged.element)) {
        for (const other of people) if (other.here && other !== person) take(other, piece);
      }
    };
    const meet = (one, other) => {
      for (const [mine, theirs] of [[one, other], [other, one]]) {
        const all = Array.from({ length: BUCKETS }, (_, i) => i);
        for (const piece of [...theirs.elements.lacking(all, mine.elements.known(all))]) take(mine, piece);
      }
    };
    const arrive = (person) => {
      person.here = true;
      person.elements = returning(person.kept);
      for (const other of people) if (other.here && other !== person) meet(person, other);
    };
    for (let i = 0; i < 200; i++) {
      const person = people[random(people.length)];
      const { elements } = person;
      const one = elements.list[random(elements.list.length || 1)];
      const what = random(12);
      if (!person.here) {
        // Some draw alone, of what they have kept.
        if (what < 2) arrive(person);
        continue;
      }
      if (what < 5) {
        const merged = elements.add(value(random), points(random, 1 + random(3)));
        made.add(merged.element.id);
        tell(person, merged);
      } else if (what < 8 && one) {
        deleted.add(one.id);
        tell(person, elements.remove(one));
      } else if (what === 8 && !random(4)) {
        for (const each of elements.list.slice()) {
          deleted.add(each.id);
          tell(person, elements.remove(each));
        }
      } else if (what > 9) {
        person.here = false;
      }
      for (const { here, elements: { list } } of people) {
        if (here) for (const { id } of list) assert.ok(!deleted.has(id) || !people.every((other) => other.here), `seed ${seed}: ${id} is back`);
      }
    }
    for (const person of people) if (!person.here) arrive(person);
    for (const one of people) for (const other of people) if (one !== other) meet(one, other);
    alike(people.map(({ elements }) => elements), `seed ${seed}`);
    const living = new Set(people[0].elements.list.map(({ id }) => id));
    for (const id of made) assert.equal(living.has(id), !deleted.has(id), `seed ${seed}: ${id}`);
    assert.equal(returning(people[0].kept).canonical(), people[0].elements.canonical(), `seed ${seed}: what is kept is all of it`);
  }
});

test('a board that was filled and cleared is as good as new, as often as one likes', () => {
  const elements = new Elements(RULES);
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < ELEMENTS_MAX; i++) elements.pieces(elements.add({ ...good.value, order: i }, [0, 0, 50]).element).next();
    assert.deepEqual([elements.full, elements.filled], [true, 1]);
    for (const element of elements.list.slice()) elements.remove(element);
    assert.deepEqual([elements.full, elements.filled, elements.graves], [false, 0, 1]);
  }
});

test('deletions of what nobody has seen take no place from what lives, and are bounded', () => {
  const elements = new Elements(RULES);
  for (let i = 0; i < GRAVES_MAX + 500; i++) elements.merge({ id: `eve${i}`, version: 2, by: 'eve', value: null });
  assert.deepEqual([elements.full, elements.filled, elements.graves], [false, 0, GRAVES_MAX]);
  const { element } = elements.add(good.value, [0, 0, 50]);
  const [piece] = elements.pieces(element);
  elements.remove(element);
  assert.equal(elements.merge(copied(piece)), null, 'what one deletes oneself is dead all the same');
});

test('what nobody was told of leaves nothing', () => {
  const elements = new Elements(RULES);
  const { element } = elements.add(good.value, [0, 0, 50]);
  assert.equal(elements.remove(element).replaced, true);
  assert.deepEqual([elements.canonical(), element.value, elements.points, [...elements.pieces(element)]], ['[]', null, 0, []]);
  assert.deepEqual([...elements.kept([element.id]).values()], [null, null]);
  assert.equal(elements.extend(element, [1, 1, 50]), null);
  assert.equal(elements.canonical(), '[]');
  assert.deepEqual(elements.hashes(), new Elements(RULES).hashes());
  // What the store has may come back from there, with another tab.
  const { element: kept } = elements.add(good.value, [0, 0, 50]);
  assert.equal(elements.kept([kept.id]).get(kept.id).length, 1);
  elements.remove(kept);
  assert.equal(elements.graves, 1);
});

test('many that are deleted at once are as those deleted one after the other, here and there, and it is said whose they were', () => {
  const random = dice();
  for (let run = 0; run < 20; run++) {
    const [ann, ben, cat] = Array.from({ length: 3 }, () => new Elements(RULES));
    for (let i = 0; i < 60; i++) {
      const { element } = [ann, ben][random(2)].add(value(random), points(random, 1 + random(3)));
      if (random(3)) ann.edit(element, { x: i });
    }
    for (const [one, other] of [[ann, ben], [ben, ann], [ann, cat]]) {
      for (const element of one.list) for (const piece of one.pieces(element)) other.merge(copied(piece));
    }
    const untold = ann.add(value(random), points(random, 1));
    const going = ann.list.filter((element) => element === untold.element || random(3));
    /** @type {any[]} */ const lost = [];
    ann.lost = (element) => lost.push(element);
    for (const { id } of going) if (ben.get(id)) ben.remove(ben.get(id));
    const pieces = ann.removeAll(going);
    const removed = pieces.flatMap((piece) => cat.merge(copied(piece)).removed);
    assert.equal(ann.canonical(), ben.canonical());
    assert.equal(ann.canonical(), cat.canonical());
    assert.deepEqual(ann.hashes(), ben.hashes());
    assert.deepEqual(new Set(lost), new Set(going));
    assert.deepEqual(removed.map(({ id }) => id).sort(), going.map(({ id }) => id).filter((id) => id !== untold.element.id).sort());
    assert.equal(new Set(removed.map(({ by }) => by)).size, 1, 'by one page');
    assert.ok(removed.some(({ id, by }) => id.startsWith(by)), 'that has made some of them');
  }
});

test('who is told that what it will make is dead makes others', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element: { id } } = ann.add(good.value, [0, 0, 50]);
  for (const each of [ann, bob]) each.merge({ dead: id.replace(/-\d+$/, ''), runs: [1, 1e9, 1e9] });
  assert.equal(ann.list.length, 0);
  const { element } = ann.add(good.value, [0, 0, 50]);
  for (const piece of ann.pieces(element)) bob.merge(copied(piece));
  assert.deepEqual(bob.list.map((one) => one.id), [element.id]);
});

test('a version and an edit at the end of all numbers can be beaten', () => {
  const elements = new Elements(RULES);
  const beaten = (piece) => {
    elements.merge({ ...good, ...piece });
    return elements.list.find(({ id }) => id === piece.id);
  };
  const edited = beaten({ id: 'a-1', edit: 1e9, editor: 'zzzz' });
  assert.equal(elements.edit(edited, { x: 7 }).replaced, true);
  assert.deepEqual([edited.value.x, elements.count(edited)], [7, 2]);
  const last = beaten({ id: 'a-2', version: 1e9, by: 'zzzz', edit: 1e9, editor: 'zzzz' });
  assert.equal(elements.edit(last, { x: 7 }), null);
  assert.equal(elements.remove(last).replaced, true);
  const merged = elements.restore(/** @type {any} */ (elements.get('a-2')), good.value, good.points);
  assert.deepEqual([merged.element.value.x, elements.list.length, merged.element.id === 'a-2'], [0, 2, false]);
});

test('two who have other points for one place find out, and agree', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  ann.merge({ ...good, points: [0, 0, 50, 5, 5, 50] });
  bob.merge({ ...good, points: [0, 0, 50, 5, 6, 50] });
  assert.notDeepEqual(ann.hashes(), bob.hashes());
  const before = ann.list[0].points;
  settle([ann, bob]);
  alike([ann, bob]);
  assert.deepEqual([ann.list[0].points, before], [[0, 0, 50, 5, 6, 50], [0, 0, 50, 5, 5, 50]], 'by a new list');
  // And other values of one edit.
  ann.merge({ ...good, edit: 1, editor: 'e', value: { ...good.value, x: 1 } });
  bob.merge({ ...good, edit: 1, editor: 'e', value: { ...good.value, x: 2 } });
  settle([ann, bob]);
  alike([ann, bob]);
});

test('what has come out of order is dropped again, where too much of it was sent', () => {
  const elements = new Elements(RULES);
  for (let i = 1; i <= 1_500; i++) elements.merge({ ...good, id: `e-${i}`, at: 5, points: [1, 1, 1] });
  elements.merge({ ...good, at: 2, points: [9, 9, 9] });
  elements.merge({ ...good });
  assert.equal(elements.count(elements.get(good.id)), 3);
});

test('an element more takes the steps of a search, wherever it lies', () => {
  /** How often an order is looked at, where so many come, the topmost first. */
  const looks = (count) => {
    let looked = 0;
    const counting = { ...RULES, clean: (given) => Object.defineProperty({ ...given }, 'order', { enumerable: true, get: () => (looked++, given.order) }) };
    const elements = new Elements(counting);
    for (let i = count; i > 0; i--) elements.merge({ ...good, id: `a-${i}`, value: { ...good.value, order: i } });
    for (const element of elements.list.slice()) elements.remove(element);
    assert.equal(elements.list.length, 0);
    return looked;
  };
  const [few, many] = [looks(500), looks(4_000)];
  assert.ok(many < 8 * few * (Math.log2(4_000) / Math.log2(500)) ** 2, `${few} looks for 500, ${many} for 4,000`);
});

/** A page from before there were formats: it keeps what it knows, and no more. */
const FIRST = { ...RULES, clean: (/** @type {any} */ given) => {
  const { order, kind, colour, width, x, y, w, h } = /** @type {any} */ (RULES.clean(given) ?? {});
  return kind === 'image' || !kind ? null : { order, kind, colour, width, x, y, ...(w === undefined ? {} : { w, h }) };
} };

test('what a page does not know it keeps, edits around, and sends on, in one way to write it', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element } = ann.add({ ...shape, lock: true, aim: { id: 'x', at: 3 } });
  assert.equal(element.value.format, 2, 'what has more says so');
  for (const piece of ann.pieces(element)) bob.merge(JSON.parse(JSON.stringify(piece)));
  bob.edit(bob.list[0], { x: 7 });
  for (const piece of bob.pieces(bob.list[0])) ann.merge(copied(piece));
  assert.deepEqual(ann.list[0].value, { ...shape, x: 7, format: 2, aim: { id: 'x', at: 3 }, lock: true });
  const other = new Elements(RULES);
  const { id, version, by, edit, editor, value } = ann.list[0];
  other.merge({ id, version, by, edit, editor, value: Object.fromEntries(Object.entries(value).reverse()) });
  assert.deepEqual([other.canonical(), other.hashes()], [ann.canonical(), ann.hashes()]);
  // What needs a later format says so, whatever a peer calls its kinds and members.
  assert.deepEqual([{ ...shape, constructor: 1 }, { ...shape, fill: undefined }, { ...shape, fill: 1 }, { ...shape, kind: 'constructor', format: 5 }]
    .map(formatFor), [undefined, undefined, 2, 5]);
  // What was added goes again, and that is an edit as any other.
  ann.edit(ann.list[0], { lock: undefined, aim: undefined });
  assert.deepEqual(ann.list[0].value, { ...shape, x: 7, format: 2 });
});

test('a page of the first format strips nothing from others, however often it edits; and they tell it all they know', () => {
  const [ann, bob, old] = [new Elements(RULES), new Elements(RULES), new Elements(FIRST)];
  const { element } = ann.add({ ...shape, fill: 2 });
  const plain = ann.add(shape).element;
  for (const one of [element, plain]) for (const piece of ann.pieces(one)) for (const other of [bob, old]) other.merge(copied(piece));
  for (let x = 1; x < 5; x++) for (const one of old.list) old.edit(one, { x });
  for (const one of old.list) for (const piece of old.pieces(one)) for (const other of [ann, bob]) other.merge(copied(piece));
  assert.deepEqual([element.value.fill, element.value.x, plain.value.x], [2, 0, 4]);
  // Whoever has heard the old page alone gets what it stripped, and then all of the new ones are alike.
  const cat = new Elements(RULES);
  for (const one of old.list) for (const piece of old.pieces(one)) cat.merge(copied(piece));
  settle([ann, bob, cat], 'with one that was stripped');
  alike([ann, bob, cat], 'with one that was stripped');
  assert.equal(cat.list[0].value.fill, 2);
  // Nobody takes what they are told for ever.
  for (let i = 0; i < 3; i++) ask(old, ann);
  assert.equal(ask(ann, old), 0);
});

test('what was deleted stays deleted, and who changed it last decides', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element } = ann.add(good.value, [0, 0, 50]);
  const [piece] = ann.pieces(element);
  bob.merge(copied(piece));
  const gone = bob.remove(bob.list[0]);
  assert.deepEqual([gone.replaced, bob.list.length, bob.points], [true, 0, 0]);
  const [tombstone] = bob.pieces(gone.element);
  assert.deepEqual(Object.keys(tombstone), ['id', 'version', 'by', 'value']);
  assert.equal(bob.merge(copied(piece)), null);
  ann.extend(element, [1, 1, 50]);
  ann.merge(structuredClone(tombstone));
  assert.equal(ann.extend(element, [2, 2, 50]), null);
  assert.equal(ann.edit(element, { x: 1 }), null);
  assert.equal(ann.canonical(), bob.canonical());
});


for (const [why, change, taken = false] of /** @type {[string, any, boolean?][]} */ ([
  ['the piece as it ought to be', {}, true],
  ['a member that it does not know', { value: { ...good.value, format: 2, html: '<img>' } }, true],
  ['several, of any type', { value: { ...shape, format: 1_000, aim: { id: 'a-1', at: [0, 1] }, group: ['x'], lock: true } }, true],
  ['a kind that it does not know', { value: { ...shape, kind: 'image', format: 3, hash: 'abc' } }, true],
  ['a kind that it does not know, with words that are none', { value: { ...shape, kind: 'note', format: 3, text: 5 } }],
  ['a kind that it does not know, which never ends', { value: { ...shape, kind: 'note', format: 3, h: 1e300 } }],
  ['members that are too much', { value: { ...good.value, format: 2, html: 'x'.repeat(3_500) } }],
  ['a member without a decent name', { value: { ...good.value, format: 2, __proto__x: 1 } }],
  ['a member with the name of what all objects inherit', { value: JSON.parse(`{"__proto__":{"a":1},${JSON.stringify(good.value).slice(1)}`) }],
  ['a format that nobody could follow', { value: { ...good.value, format: 1e300 } }],
  ['a format that has no name for itself', { value: { ...good.value, format: 1 } }],
  ['no id', { id: undefined }],
  ['an id that is too long', { id: 'x'.repeat(33) }],
  ['an id with markup', { id: '<b>' }],
  ['nobody who made it', { by: '' }],
  ['a version that nobody could follow', { version: 1e300 }],
  ['half a version', { version: 1.5 }],
  ['a value of another type', { value: 'stroke' }],
  ['a value that is not there', { value: undefined }],
  ['an order that would stop the clock', { value: { ...good.value, order: 1e300 } }],
  ['a colour that is none', { value: { ...good.value, colour: COLOURS } }],
  ['a colour in words', { value: { ...good.value, colour: 'red' } }],
  ['a width that is none', { value: { ...good.value, width: 1e6 } }],
  ['a negative place', { at: -1 }],
  ['half a point', { points: [1, 2, 3, 4] }],
  ['no number', { points: [1, '2', 3] }],
  ['not a number', { points: [1, NaN, 3] }],
  ['no list', { points: { length: 3 } }],
  ['too far out', { points: [0, COORDINATE_MAX + 1, 0] }],
  ['a pressure that breaks the pen', { points: [0, 0, PRESSURE_MAX + 1] }],
  ['too many at once', { points: Array(3 * PIECE_POINTS + 3).fill(0) }],
  ['a shape', { value: shape }, true],
  ['a shape without a size', { value: { ...shape, w: undefined } }],
  ['a shape that never ends', { value: { ...shape, w: 1e300 } }],
  ['a place that is none', { value: { ...good.value, x: null } }],
  ['a kind that is none', { value: { ...good.value, kind: 'Constructor' } }],
  ['a text', { value: text }, true],
  ['a text with control characters', { value: { ...text, text: 'a\u0007b' } }],
  ['a text that is empty', { value: { ...text, text: '' } }],
  ['a text that is a list', { value: { ...text, text: ['a'] } }],
  ['a text that is too long', { value: { ...text, text: 'x'.repeat(2_001) } }],
  ['an edit', { edit: 1, editor: 'b' }, true],
  ['an edit by nobody', { edit: 1 }],
  ['an editor of nothing', { editor: 'b' }],
  ['an edit that nobody could follow', { edit: 1e300, editor: 'b' }],
  ['an edit of what is deleted', { edit: 1, editor: 'b', value: null }],
  ['a run of dead ones', { dead: 5, runs: [1, 2, 2] }],
  ['dead ones of a page with markup', { dead: '<b>', runs: [1, 2, 2] }],
  ['runs that are none', { dead: 'a', runs: 'x' }],
  ['a run backwards', { dead: 'a', runs: [2, 1, 2] }],
  ['half a run', { dead: 'a', runs: [1, 2] }],
  ['a run without a version', { dead: 'a', runs: [1, 2, 0] }],
  ['a run of other than numbers', { dead: 'a', runs: ['1', 2, 2] }],
  ['a run without an end', { dead: 'a', runs: [1, 1e300, 2] }],
  ['more runs than there may be at once', { dead: 'a', runs: Array(303).fill(1) }],
])) {
  test(`${taken ? 'takes' : 'refuses'}: ${why}`, () => {
    const elements = new Elements(RULES);
    assert.equal(elements.merge({ ...good, ...change }) !== null, taken);
    const kept = { ...good.value, ...change.value };
    if (taken) assert.deepEqual(elements.list[0].value, kept);
    else assert.equal(elements.canonical(), '[]');
  });
}

test('refuses what is no piece at all', () => {
  for (const piece of [null, undefined, 5, 'x', [], [[]], true]) assert.equal(new Elements(RULES).merge(piece), null);
});

test('a hostile peer fills a board, and no more', () => {
  const elements = new Elements(RULES);
  assert.equal(elements.full, false);
  for (let i = 0; i < ELEMENTS_MAX + 2_000; i++) elements.merge({ ...good, id: `b-${i}`, points: [0, 0, 0] });
  assert.equal(elements.list.length, ELEMENTS_MAX);
  assert.equal(elements.full, true);
  const long = new Elements(RULES);
  const far = Array.from({ length: 3 * PIECE_POINTS }, (_, i) => (i % 3 === 2 ? 100 : -49_999.9));
  for (let i = 0; i < 400; i++) {
    for (let at = 0; at < 5_000; at += PIECE_POINTS) long.merge({ ...good, id: `b-${i}`, at, points: far });
  }
  assert.ok(long.points <= POINTS_MAX);
  for (const stroke of long.list) {
    for (const piece of long.pieces(stroke)) assert.ok(JSON.stringify(piece).length < 16_384);
  }
  // With the longest names that there are, two that differ in everything can still ask each other.
  const asking = new Elements(RULES);
  const long32 = (i) => `${i}`.padStart(32, 'x');
  for (let i = 0; i < ELEMENTS_MAX; i++) {
    asking.merge({ ...good, id: long32(i), version: 1e9, by: long32(0), edit: 1e9, editor: long32(1) });
  }
  for (let i = 0; i < GRAVES_MAX; i++) asking.merge({ dead: `d${long32(i).slice(1)}`, runs: [1e9 - 1, 1e9, 1e9] });
  const want = JSON.stringify({ type: 'want', known: asking.known(Array.from({ length: BUCKETS }, (_, i) => i)) });
  assert.deepEqual([asking.list.length, asking.graves], [ELEMENTS_MAX, GRAVES_MAX]);
  assert.ok(want.length < BOARD_MESSAGE_MAX - 1_000, `${want.length} characters`);
  const holes = new Elements(RULES);
  for (let i = 0; i < 3_000; i++) holes.merge({ ...good, id: `b-${i}`, at: 1 + i % 3_000, points: [1, 1, 1] });
  assert.equal(holes.points, 0);
});
