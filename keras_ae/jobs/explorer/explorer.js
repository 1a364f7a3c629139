"use strict";
// The decoder in the page, and what moves it. A tensor is {shape, data}.

const page = JSON.parse(document.getElementById("page").textContent);
const $ = (id) => document.getElementById(id);
const size = (shape) => shape.reduce((a, b) => a * b, 1);
const tensor = (shape, data) => ({
  shape,
  data: data ?? new Float32Array(size(shape)),
});

function bytes(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

// Activations and layers, by their names in Keras.

const activations = {
  linear: (v) => v,
  relu: (v) => Math.max(v, 0),
  sigmoid: (v) => 1 / (1 + Math.exp(-v)),
  tanh: Math.tanh,
  softplus: (v) => Math.max(v, 0) + Math.log1p(Math.exp(-Math.abs(v))),
  elu: (v) => (v > 0 ? v : Math.expm1(v)),
  silu: (v) => v / (1 + Math.exp(-v)),
};

const activated = (x, name) =>
  tensor(x.shape, x.data.map(activations[name]));

function weight(place) {
  const from = place.at, to = place.at + size(place.shape);
  return tensor(place.shape, page.weights.subarray(from, to));
}

// Where the outputs of a convolution begin, along one axis.
function along(input, kernel, stride, padding) {
  if (padding === "valid") {
    return { output: Math.ceil((input - kernel + 1) / stride), before: 0 };
  }
  const output = Math.ceil(input / stride);
  const padded = Math.max((output - 1) * stride + kernel - input, 0);
  return { output, before: Math.floor(padded / 2) };
}

// Every pair of an input and an output place that a kernel joins.
function convolve(layer, [height, width], sizes, join) {
  const [kh, kw] = layer.kernel.shape, [sh, sw] = layer.strides;
  const [top, left] = [sizes[0].before, sizes[1].before];
  for (let i = 0; i < sizes[0].output; i++)
    for (let j = 0; j < sizes[1].output; j++)
      for (let a = 0; a < kh; a++)
        for (let b = 0; b < kw; b++) {
          const y = i * sh + a - top, x = j * sw + b - left;
          if (y >= 0 && y < height && x >= 0 && x < width)
            join(y * width + x, i * sizes[1].output + j, a * kw + b);
        }
}

const layers = {
  Flatten: (layer, [x]) => tensor([x.data.length], x.data),
  Reshape: (layer, [x]) => {
    const known = layer.shape.filter((n) => n > 0);
    const rest = x.data.length / size(known);
    return tensor(layer.shape.map((n) => (n > 0 ? n : rest)), x.data);
  },
  Activation: (layer, [x]) => activated(x, layer.activation),
  Multiply: (layer, [x, ...others]) =>
    tensor(x.shape, x.data.map((v, i) =>
      others.reduce((p, o) => p * o.data[i], v))),
  Add: (layer, [x, ...others]) =>
    tensor(x.shape, x.data.map((v, i) =>
      others.reduce((s, o) => s + o.data[i], v))),
  Concatenate: (layer, inputs) => {
    const data = Float32Array.from(inputs.flatMap((t) => [...t.data]));
    return tensor([data.length], data);
  },
  Dense: (layer, [x]) => {
    const kernel = weight(layer.kernel), bias = weight(layer.bias).data;
    const [inner, outer] = kernel.shape, rows = x.data.length / inner;
    const result = tensor([...x.shape.slice(0, -1), outer]);
    for (let r = 0; r < rows; r++) {
      const sums = Float64Array.from(bias);
      for (let i = 0; i < inner; i++) {
        const v = x.data[r * inner + i];
        if (v) for (let o = 0; o < outer; o++)
          sums[o] += v * kernel.data[i * outer + o];
      }
      result.data.set(sums, r * outer);
    }
    return activated(result, layer.activation);
  },
  Conv2D: (layer, [x]) => {
    const kernel = weight(layer.kernel), bias = weight(layer.bias).data;
    const [kh, kw, inner, outer] = kernel.shape;
    const sizes = [kh, kw].map((k, d) =>
      along(x.shape[d], k, layer.strides[d], layer.padding));
    const result = tensor([sizes[0].output, sizes[1].output, outer]);
    result.data.forEach((_, n) => { result.data[n] = bias[n % outer]; });
    convolve(layer, x.shape, sizes, (from, to, k) => {
      for (let i = 0; i < inner; i++) {
        const v = x.data[from * inner + i];
        const row = (k * inner + i) * outer;
        if (v) for (let o = 0; o < outer; o++)
          result.data[to * outer + o] += v * kernel.data[row + o];
      }
    });
    return activated(result, layer.activation);
  },
  Conv2DTranspose: (layer, [x]) => {
    // The convolution that takes its output to its input, backwards.
    const kernel = weight(layer.kernel), bias = weight(layer.bias).data;
    const [kh, kw, outer, inner] = kernel.shape;
    const whole = [kh, kw].map((k, d) => {
      const s = layer.strides[d];
      const more = layer.padding === "valid" ? Math.max(k - s, 0) : 0;
      return x.shape[d] * s + more;
    });
    const sizes = [kh, kw].map((k, d) =>
      along(whole[d], k, layer.strides[d], layer.padding));
    const result = tensor([...whole, outer]);
    result.data.forEach((_, n) => { result.data[n] = bias[n % outer]; });
    convolve(layer, whole, sizes, (to, from, k) => {
      for (let o = 0; o < outer; o++) {
        let sum = 0;
        const row = (k * outer + o) * inner;
        for (let i = 0; i < inner; i++)
          sum += x.data[from * inner + i] * kernel.data[row + i];
        result.data[to * outer + o] += sum;
      }
    });
    return activated(result, layer.activation);
  },
  Cropping2D: (layer, [x]) => {
    const [[top, bottom], [left, right]] = layer.cropping;
    const [height, width, channels] = x.shape;
    const inner = width - left - right, tall = height - top - bottom;
    const result = tensor([tall, inner, channels]);
    for (let r = 0; r < tall; r++) {
      const from = ((r + top) * width + left) * channels;
      result.data.set(
        x.data.subarray(from, from + inner * channels), r * inner * channels);
    }
    return result;
  },
};

// What the decoder makes of a code: numbers of one example.
function decode(z, given) {
  if (page.grid) return nearest(z);
  const made = {};
  let inputs = [tensor(page.code_shape, Float32Array.from(z))];
  if (page.classes) {
    const vector = tensor([page.classes]);
    vector.data[given] = 1;
    inputs.push(vector);
  }
  let result;
  for (const layer of page.layers) {
    result = layer.op === "InputLayer"
      ? inputs.shift()
      : layers[layer.op](layer, layer.inputs.map((name) => made[name]));
    made[layer.name] = result;
  }
  const { scale, shift } = page.output;
  return result.data.map((v, i) =>
    v * scale[i % scale.length] + shift[i % shift.length]);
}

// The example of a grid that is nearest to a point in the plane.
function nearest(z) {
  const steps = page.grid.steps;
  const [column, row] = page.sliders.map(({ low, high }, d) => {
    const place = ((z[d] - low) / (high - low)) * (steps - 1);
    return Math.min(steps - 1, Math.max(0, Math.round(place)));
  });
  const number = row * steps + column;
  if (page.grid.rows) return page.grid.rows[number];
  const length = size(page.output.shape);
  const values = page.grid.values.subarray(
    number * length, (number + 1) * length);
  return page.output.kind === "image"
    ? Float32Array.from(values, (v) => v / 255)
    : values;
}

// Drawing.

const drawings = {
  image: (values) => {
    const [height, width, channels] = page.output.shape;
    const canvas = $("example");
    [canvas.width, canvas.height] = [width, height];
    const context = canvas.getContext("2d");
    const image = context.createImageData(width, height);
    for (let i = 0; i < width * height; i++)
      for (let c = 0; c < 4; c++) {
        const v = values[i * channels + (channels > 1 ? c : 0)];
        image.data[4 * i + c] = c < 3 ? Math.round(255 * v) : 255;
      }
    context.putImageData(image, 0, 0);
  },
  line: (values) => {
    const [length, channels = 1] = page.output.shape;
    const { context, width, height } = sharp($("example"));
    const [low, high] = page.output.range;
    for (let c = 0; c < channels; c++) {
      context.strokeStyle = color(c);
      context.lineWidth = 2;
      context.beginPath();
      for (let i = 0; i < length; i++) {
        const x = 4 + (i / Math.max(length - 1, 1)) * (width - 8);
        const share = (values[i * channels + c] - low) / (high - low || 1);
        context.lineTo(x, 4 + (1 - share) * (height - 8));
      }
      context.stroke();
    }
  },
  row: (values) => {
    $("row").replaceChildren(...values.map((value, i) => {
      const line = document.createElement("tr");
      const head = document.createElement("th");
      const cell = document.createElement("td");
      head.scope = "row";
      head.textContent = page.output.columns[i];
      cell.textContent = value;
      line.append(head, cell);
      return line;
    }));
  },
};

const color = (i) => page.colors[i % page.colors.length];

// A canvas as large as it is shown, in its own pixels.
function sharp(canvas) {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight;
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  return { context, width, height };
}

const EDGE = 10;  // of the map, in which the point has place

function drawMap() {
  const { context, width, height } = sharp($("map"));
  const [x0, x1, y0, y1] = page.plane.limits;
  const place = ([u, v]) => [
    EDGE + ((u - x0) / (x1 - x0)) * (width - 2 * EDGE),
    EDGE + ((y1 - v) / (y1 - y0)) * (height - 2 * EDGE)];
  const circle = ([x, y], radius) => {
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
  };
  page.plane.points.forEach((point, i) => {
    context.fillStyle = color(page.plane.labels[i] ?? 0);
    context.globalAlpha = 0.8;
    circle(place(point), 2.5);
    context.fill();
  });
  context.globalAlpha = 1;
  const style = getComputedStyle(document.body);
  for (const [stroke, line] of [
    [style.backgroundColor, 6], [style.color, 2.5]]) {
    context.strokeStyle = stroke;
    context.lineWidth = line;
    circle(place(project(state.z)), 8);
    context.stroke();
  }
}

// The point of the map that a code stands at.
const project = (z) => page.plane.axes.map((axis) =>
  axis.reduce((sum, a, i) => sum + a * (z[i] - page.plane.mean[i]), 0));

// State.

const state = { z: [...page.start], given: 0, values: null };

function show() {
  state.values = decode(state.z, state.given);
  drawings[page.output.kind](state.values);
  page.sliders.forEach((slider, i) => {
    $(`slider-${i}`).value = state.z[slider.index];
    $(`value-${i}`).textContent = rounded(state.z[slider.index]);
  });
  drawMap();
}

// Two places, and no zero below zero.
const rounded = (z) => Number(z.toFixed(2)).toFixed(2);

// Moves the point of the map; what the map does not show stays.
function move(u, v) {
  const [x0, x1, y0, y1] = page.plane.limits;
  const [p, q] = project(state.z);
  const [du, dv] = [
    Math.min(x1, Math.max(x0, u)) - p, Math.min(y1, Math.max(y0, v)) - q];
  const [first, second] = page.plane.axes;
  state.z = state.z.map((z, i) => z + du * first[i] + dv * second[i]);
  show();
}

function start() {
  page.weights = page.weights && new Float32Array(bytes(page.weights).buffer);
  if (page.grid?.values) {
    const values = bytes(page.grid.values);
    page.grid.values =
      page.output.kind === "image" ? values : new Float32Array(values.buffer);
  }
  const template = $("slider");
  page.sliders.forEach(({ index, name, low, high }, i) => {
    const copy = template.content.cloneNode(true);
    const input = copy.querySelector("input");
    copy.querySelector("label").append(name);
    copy.querySelector("label").htmlFor = input.id = `slider-${i}`;
    copy.querySelector("output").id = `value-${i}`;
    Object.assign(input, { min: low, max: high, step: (high - low) / 200 });
    input.addEventListener("input", () => {
      state.z[index] = Number(input.value);
      show();
    });
    $("sliders").append(copy);
  });
  for (let k = 0; k < (page.classes ?? 0); k++)
    $("given").append(new Option(`class ${k}`, k));
  $("given").addEventListener("change", () => {
    state.given = Number($("given").value);
    show();
  });
  $("middle").addEventListener("click", () => {
    state.z = [...page.start];
    show();
  });
  $("random").addEventListener("click", () => {
    state.z = page.start.map((z, i) => {
      const normal = Math.sqrt(-2 * Math.log(1 - Math.random()))
        * Math.cos(2 * Math.PI * Math.random());
      return z + page.deviations[i] * normal;
    });
    show();
  });
  const map = $("map");
  const point = (event) => {
    const box = map.getBoundingClientRect();
    const [x0, x1, y0, y1] = page.plane.limits;
    const share = (from, length) => (from - EDGE) / (length - 2 * EDGE);
    move(
      x0 + share(event.clientX - box.left, box.width) * (x1 - x0),
      y1 - share(event.clientY - box.top, box.height) * (y1 - y0));
  };
  map.addEventListener("pointerdown", (event) => {
    map.setPointerCapture(event.pointerId);
    point(event);
  });
  map.addEventListener("pointermove", (event) => {
    if (event.buttons) point(event);
  });
  map.addEventListener("keydown", (event) => {
    const [x0, x1, y0, y1] = page.plane.limits;
    const [dx, dy] = {
      ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1],
      ArrowDown: [0, -1] }[event.key] ?? [0, 0];
    if (!dx && !dy) return;
    event.preventDefault();
    const [u, v] = project(state.z);
    move(u + (dx * (x1 - x0)) / 50, v + (dy * (y1 - y0)) / 50);
  });
  addEventListener("resize", show);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
  show();
}

start();
