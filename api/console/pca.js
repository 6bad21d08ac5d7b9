// The first principal components of codes, by subspace iteration on the rows themselves: no d by d matrix, so codes of
// a thousand numbers are no trouble. Gives way to the page between iterations.

// Codes as one array, row after row: {codes, d}.
export function packed(rows) {
  const d = rows[0]?.length || 0,
    codes = new Float32Array(rows.length * d);
  rows.forEach((row, i) => codes.set(row, i * d));
  return { codes, d };
}

// codes: Float32Array of n rows of d. Resolves to {mean [d], axes: [Float64Array d], share: [of the variance], sigma},
// the largest first. `signal` ends it.
export async function principal(codes, n, d, wanted, signal) {
  const mean = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) mean[j] += codes[i * d + j] / n;
  let total = 0;
  for (let i = 0; i < n; i++) for (let j = 0; j < d; j++) total += (codes[i * d + j] - mean[j]) ** 2;
  const k = Math.min(d, wanted + 4);
  let axes = Array.from({ length: k }, (_, a) =>
    Float64Array.from(
      { length: d },
      (_, j) => (Math.sin((a + 1) * 12.9898 + (j + 1) * 78.233) * 43758.5453) % 1,
    ),
  );
  orthonormal(axes);
  let power = [],
    before = 0;
  for (let round = 0; round < 60; round++) {
    const next = axes.map(() => new Float64Array(d));
    const along = new Float64Array(k);
    power = new Float64Array(k);
    for (let i = 0; i < n; i++) {
      along.fill(0);
      for (let a = 0; a < k; a++) {
        const axis = axes[a];
        let sum = 0;
        for (let j = 0; j < d; j++) sum += (codes[i * d + j] - mean[j]) * axis[j];
        along[a] = sum;
        power[a] += sum * sum;
      }
      for (let a = 0; a < k; a++) {
        const to = next[a],
          by = along[a];
        for (let j = 0; j < d; j++) to[j] += (codes[i * d + j] - mean[j]) * by;
      }
    }
    const now = power.slice(0, wanted).reduce((x, y) => x + y, 0);
    if (round > 3 && Math.abs(now - before) <= 1e-7 * now) break;
    before = now;
    orthonormal(next);
    axes = next;
    await new Promise((resolve) => setTimeout(resolve));
    if (signal?.aborted) throw new DOMException("gone", "AbortError");
  }
  const order = axes
    .map((_, a) => a)
    .sort((a, b) => power[b] - power[a])
    .slice(0, Math.min(wanted, d));
  // Which way an axis points is chance: the larger side is made the positive one.
  for (const a of order) {
    const tip = axes[a].reduce((best, v) => (Math.abs(v) > Math.abs(best) ? v : best), 0);
    if (tip < 0) for (let j = 0; j < d; j++) axes[a][j] = -axes[a][j];
  }
  return {
    mean,
    axes: order.map((a) => axes[a]),
    share: order.map((a) => (total ? power[a] / total : 0)),
    sigma: order.map((a) => Math.sqrt(power[a] / n)),
  };
}

function orthonormal(axes) {
  for (let a = 0; a < axes.length; a++) {
    const axis = axes[a];
    for (let pass = 0; pass < 2; pass++)
      for (let b = 0; b < a; b++) {
        let dot = 0;
        for (let j = 0; j < axis.length; j++) dot += axis[j] * axes[b][j];
        for (let j = 0; j < axis.length; j++) axis[j] -= dot * axes[b][j];
      }
    const length = Math.hypot(...axis) || 1;
    for (let j = 0; j < axis.length; j++) axis[j] /= length;
  }
}

// Where row i lies along axis a.
export function along(codes, i, d, pca, a) {
  let sum = 0;
  for (let j = 0; j < d; j++) sum += (codes[i * d + j] - pca.mean[j]) * pca.axes[a][j];
  return sum;
}
