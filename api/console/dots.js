// Many discs at once, written into the pixels of one frame: a path for each is too slow for tens of thousands.

// The share of every pixel that a disc of `radius` around the middle one covers, as {reach, cover}.
function stamp(radius) {
  const reach = Math.ceil(radius),
    side = 2 * reach + 1,
    cover = new Float32Array(side * side);
  for (let y = -reach; y <= reach; y++)
    for (let x = -reach; x <= reach; x++)
      cover[(y + reach) * side + x + reach] = Math.min(1, Math.max(0, radius + 0.5 - Math.hypot(x, y)));
  return { reach, cover };
}

// Colours as the page knows them, for a canvas: [[red, green, blue]…].
export function resolved(names) {
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const out = names.map((name) => {
    probe.style.color = name;
    return getComputedStyle(probe)
      .color.match(/[\d.]+/g)
      .slice(0, 3)
      .map(Number);
  });
  probe.remove();
  return out;
}

// A frame to fill again and again: {fill(width, height, ground), disc(x, y, colour), show()}, all in pixels of the canvas.
export function frame(pen) {
  let image = null,
    mark = stamp(1),
    strength = 1;
  function disc(x, y, [red, green, blue]) {
    const { reach, cover } = mark,
      { width, height, data } = image,
      side = 2 * reach + 1,
      left = Math.round(x) - reach,
      top = Math.round(y) - reach;
    const x0 = Math.max(0, -left),
      x1 = Math.min(side, width - left),
      y1 = Math.min(side, height - top);
    for (let row = Math.max(0, -top); row < y1; row++)
      for (let column = x0; column < x1; column++) {
        const by = cover[row * side + column] * strength;
        if (by === 0) continue;
        const at = 4 * ((top + row) * width + left + column);
        data[at] += (red - data[at]) * by;
        data[at + 1] += (green - data[at + 1]) * by;
        data[at + 2] += (blue - data[at + 2]) * by;
      }
  }
  return {
    disc,
    // Discs of `radius` and `alpha` follow.
    fill(width, height, [red, green, blue], radius, alpha) {
      if (image?.width !== width || image.height !== height) image = pen.createImageData(width, height);
      new Uint32Array(image.data.buffer).fill(((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0);
      mark = stamp(radius);
      strength = alpha;
    },
    show: () => pen.putImageData(image, 0, 0),
  };
}
