import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";

type Colour = { l: number; c: number; h: number };
type Theme = Map<string, Colour>;

const source = readFileSync(new URL("./tokens.css", import.meta.url), "utf8");
const light = tokensOf(":root {");
const dark = tokensOf(':root[data-theme="dark"] {');

const SURFACES = ["ground", "field", "hover"];
const TEXTS = ["ink", "soft", "person", "moshi", "brain", "well", "waiting", "wrong"];
const SHAPES = ["edge", "stage-1", "stage-2", "stage-3", "stage-4", "stage-5"];

describe.each([
  ["light", light],
  ["dark", dark],
])("%s theme", (_, theme) => {
  test.each(TEXTS.flatMap((text) => SURFACES.map((surface) => [text, surface] as const)))(
    "%s is readable on %s",
    (text, surface) => {
      expect(contrast(token(theme, text), token(theme, surface))).toBeGreaterThanOrEqual(4.5);
    },
  );

  test.each(["fill", "fill-hover"])("the big button's text is readable on %s", (fill) => {
    expect(contrast(token(theme, "on-fill"), token(theme, fill))).toBeGreaterThanOrEqual(4.5);
  });

  test.each(SHAPES)("%s can be made out on the ground", (shape) => {
    expect(contrast(token(theme, shape), token(theme, "ground"))).toBeGreaterThanOrEqual(3);
  });

  test("every colour exists in sRGB, so no engine has to guess one", () => {
    for (const [name, colour] of theme) {
      for (const channel of linearRgb(colour)) {
        expect(channel, name).toBeGreaterThan(-0.002);
        expect(channel, name).toBeLessThan(1.002);
      }
    }
  });
});

test("both themes define the same colours", () => {
  expect([...dark.keys()].sort()).toEqual([...light.keys()].sort());
  expect(light.size).toBeGreaterThanOrEqual(20);
});

test("the ground before a theme is chosen is the dark one where the system is dark", () => {
  expect(tokensOf(":root:not([data-theme]) {").get("ground")).toEqual(token(dark, "ground"));
});

test("contrast is computed as WCAG says", () => {
  const white = { l: 1, c: 0, h: 0 };
  const black = { l: 0, c: 0, h: 0 };
  expect(contrast(white, black)).toBeCloseTo(21, 1);
  // sRGB red, #ff0000, has a contrast of 4.0 with white.
  expect(contrast({ l: 0.62796, c: 0.25768, h: 29.2339 }, white)).toBeCloseTo(4.0, 1);
});

function tokensOf(opening: string): Theme {
  const start = source.indexOf(opening);
  const block = source.slice(start, source.indexOf("}", start));
  const found = block.matchAll(/--([\w-]+): oklch\(([\d.]+) ([\d.]+) ([\d.]+)\)/g);
  return new Map([...found].map(([, name, l, c, h]) => [String(name), { l: Number(l), c: Number(c), h: Number(h) }]));
}

function token(theme: Theme, name: string): Colour {
  const colour = theme.get(name);
  if (!colour) throw new Error(`no token --${name}`);
  return colour;
}

function contrast(a: Colour, b: Colour): number {
  const [bright, dim] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number];
  return (bright + 0.05) / (dim + 0.05);
}

function luminance(colour: Colour): number {
  const [r, g, b] = linearRgb(colour).map((channel) => Math.min(1, Math.max(0, channel))) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

/** OKLCH to linear sRGB, by the published matrices of the OKLab colour space. */
function linearRgb({ l, c, h }: Colour): [number, number, number] {
  const a = c * Math.cos((h * Math.PI) / 180);
  const b = c * Math.sin((h * Math.PI) / 180);
  const long = (l + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const medium = (l - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const short = (l - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
    -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
    -0.0041960863 * long - 0.7034186147 * medium + 1.707614701 * short,
  ];
}
