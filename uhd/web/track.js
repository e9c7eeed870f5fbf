// People keep their numbers from frame to frame: ByteTrack as in uhd/runtime/tracking, which says what and why.

const POSITION = 1 / 20, VELOCITY = 1 / 160; // standard deviations as shares of the box's height
const SWAY = 0.05; // of a person's height
const MATCH = 0.2, DOUBTFUL = 0.4, MARGIN = 0.3, CONFIRM = 2;

export class Tracker {
  constructor(high, low = high / 3, patience = 30) {
    Object.assign(this, { high, low, patience, tracks: [], count: 0, frames: 0 });
  }

  // Return the boxes of this frame that belong to a track, each with its number as `track_id`, best first.
  update(found) {
    this.frames++;
    for (const track of this.tracks) track.motion.predict(track.missed === 0);
    const ids = found.map(() => 0);
    const sure = () => found.flatMap((box, i) => (box.score >= this.high && !ids[i] ? [i] : []));
    const doubtful = found.flatMap((box, i) => (box.score >= this.low && box.score < this.high ? [i] : []));
    let settled = this.match(this.tracks.filter((track) => track.number), found, sure(), ids, MATCH);
    const fresh = this.match(this.tracks.filter((track) => !track.number), found, sure(), ids, MATCH);
    settled = this.match(settled, found, sure(), ids, MATCH, MARGIN);
    const unseen = this.match(fresh, found, sure(), ids, MATCH, MARGIN);
    settled = [
      ...this.match(settled.filter((track) => !track.missed), found, doubtful, ids, DOUBTFUL),
      ...settled.filter((track) => track.missed),
    ];
    for (const track of settled) track.missed++;
    const gone = new Set([...unseen, ...settled.filter((track) => track.missed > this.patience)]);
    this.tracks = this.tracks.filter((track) => !gone.has(track));
    for (const i of sure()) {
      const track = { motion: new Motion(found[i].xyxy), class_id: found[i].class_id, seen: 1, missed: 0, number: 0 };
      this.tracks.push(track);
      ids[i] = -1;
      if (this.frames === 1) ids[i] = track.number = ++this.count;
    }
    return found.flatMap((box, i) => (ids[i] > 0 ? [{ ...box, track_id: ids[i] }] : []));
  }

  // Match tracks with the boxes `wanted`, put their numbers into `ids`, return the tracks left over.
  match(tracks, found, wanted, ids, least, margin = 0) {
    if (!tracks.length || !wanted.length) return tracks;
    const costs = tracks.map((track) => wanted.map((i) => (found[i].class_id === track.class_id
      ? 1 - overlap(widened(track.motion.xyxy, margin), widened(found[i].xyxy, margin)) : Infinity)));
    const matched = new Set();
    for (const [row, column] of assign(costs, 1 - least)) {
      const track = tracks[row];
      track.motion.update(found[wanted[column]].xyxy);
      track.seen++;
      track.missed = 0;
      if (!track.number && track.seen >= CONFIRM) track.number = ++this.count;
      ids[wanted[column]] = track.number || -1;
      matched.add(track);
    }
    return tracks.filter((track) => !matched.has(track));
  }
}

// Centre, width and height with constant velocity. All four have the same noise, so one 2x2 covariance serves them.
class Motion {
  constructor(xyxy) {
    this.place = centred(xyxy);
    this.speed = [0, 0, 0, 0];
    const height = this.place[3];
    this.covariance = [(2 * POSITION * height) ** 2, 0, (10 * VELOCITY * height) ** 2];
  }

  get xyxy() {
    const [x, y] = this.place;
    const [width, height] = this.place.slice(2).map((side) => Math.max(side, 1e-3));
    return [x - width / 2, y - height / 2, x + width / 2, y + height / 2];
  }

  predict(sizeMoves) {
    if (!sizeMoves) this.speed[2] = this.speed[3] = 0;
    this.place = this.place.map((value, i) => value + this.speed[i]);
    const height = Math.max(this.place[3], 1e-3);
    const [a, b, c] = this.covariance;
    this.covariance = [a + 2 * b + c + (POSITION * height) ** 2, b + c, c + (VELOCITY * height) ** 2];
  }

  update(xyxy) {
    const [a, b, c] = this.covariance;
    const seen = a + (POSITION * Math.max(this.place[3], 1e-3)) ** 2;
    const box = centred(xyxy);
    for (let i = 0; i < 4; i++) {
      const surprise = box[i] - this.place[i];
      this.place[i] += (a / seen) * surprise;
      this.speed[i] += (b / seen) * surprise;
    }
    this.covariance = [a - (a * a) / seen, b - (a * b) / seen, c - (b * b) / seen];
  }
}

// Pairs of rows and columns of least total cost (shortest augmenting paths); leaving a row alone costs `limit`.
export function assign(costs, limit) {
  const rows = costs.length, columns = costs[0].length, width = columns + rows;
  const cost = costs.map((line, row) => [
    ...line.map((value) => (value <= limit ? value : Infinity)),
    ...costs.map((_, other) => (other === row ? limit : Infinity)), // a dummy column of its own for every row
  ]);
  const owner = Array(width).fill(-1), rowPrice = Array(rows).fill(0), columnPrice = Array(width).fill(0);
  for (let start = 0; start < rows; start++) {
    const shortest = Array(width).fill(Infinity), before = Array(width).fill(-1), done = Array(width).fill(false);
    let row = start, length = 0, column;
    for (;;) {
      column = -1;
      for (let c = 0; c < width; c++) {
        if (done[c]) continue;
        const step = length + cost[row][c] - rowPrice[row] - columnPrice[c];
        if (step < shortest[c]) [shortest[c], before[c]] = [step, row];
        if (column < 0 || shortest[c] < shortest[column]) column = c;
      }
      length = shortest[column];
      done[column] = true;
      if (owner[column] < 0) break;
      row = owner[column];
    }
    rowPrice[start] += length;
    for (let c = 0; c < width; c++) {
      if (!done[c] || owner[c] < 0) continue;
      rowPrice[owner[c]] += length - shortest[c];
      columnPrice[c] += shortest[c] - length;
    }
    while (column >= 0) {
      row = before[column];
      const previous = owner.indexOf(row);
      owner[column] = row;
      column = row === start ? -1 : previous;
      if (column >= 0) owner[column] = -1;
    }
  }
  return owner.slice(0, columns).flatMap((row, column) => (row >= 0 ? [[row, column]] : [])).sort((a, b) => a[0] - b[0]);
}

// Who crosses a line from (x, y) to (x, y), shares of the picture, with the middle of the lower edge of the box.
export class LineCounter {
  constructor(line, patience = 1000) {
    Object.assign(this, { line, patience, forward: 0, backward: 0, last: new Map(), frame: 0 });
  }

  update(found, width, height) {
    this.frame++;
    for (const { track_id: number, xyxy: [left, top, right, bottom] } of found) {
      const foot = [(left + right) / 2 / width, bottom / height];
      const before = this.last.get(number);
      const side = sideOf(this.line, foot);
      // Somebody who stands on the line has not crossed it yet, however the box trembles.
      const stands = before && distance(this.line, foot, width, height) <= SWAY * (bottom - top);
      this.last.set(number, { foot: stands ? before.foot : foot, frame: this.frame });
      if (!before || stands || !crosses(this.line, before.foot, foot)) continue;
      if (side > 0) this.forward++;
      else this.backward++;
    }
    for (const [number, { frame }] of this.last) if (frame < this.frame - this.patience) this.last.delete(number);
  }
}

// Positive right of the line as seen on the screen, whose y grows downwards.
function sideOf([[x1, y1], [x2, y2]], [x, y]) {
  return Math.sign((x2 - x1) * (y - y1) - (y2 - y1) * (x - x1));
}

// How far a point lies from a line, both given as shares of the picture, in its pixels.
function distance([[x1, y1], [x2, y2]], [x, y], width, height) {
  const [alongX, alongY] = [(x2 - x1) * width, (y2 - y1) * height];
  return Math.abs(alongX * (y - y1) * height - alongY * (x - x1) * width) / Math.max(Math.hypot(alongX, alongY), 1e-9);
}

function crosses(line, before, after) {
  const path = [before, after];
  return sideOf(line, before) * sideOf(line, after) < 0 && sideOf(path, line[0]) * sideOf(path, line[1]) <= 0;
}

function centred([left, top, right, bottom]) {
  return [(left + right) / 2, (top + bottom) / 2, right - left, bottom - top];
}

function widened([left, top, right, bottom], margin) {
  const around = margin * Math.max(right - left, bottom - top);
  return [left - around, top - around, right + around, bottom + around];
}

function overlap(a, b) {
  const shared = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const area = ([left, top, right, bottom]) => (right - left) * (bottom - top);
  return shared / (area(a) + area(b) - shared + 1e-9);
}
