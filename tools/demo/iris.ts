import { stringify } from "yaml";
import { ROOT } from "../program.ts";

/** One flower: sepal length and width, petal length and width, in centimetres. */
export type Flower = readonly [number, number, number, number];

/** A multinomial logistic regression, as the ModelKit carries it. */
export interface Model {
  classes: string[];
  features: string[];
  /** Mean and standard deviation of each feature in the training data. */
  mean: number[];
  deviation: number[];
  /** One row for each class: the weight of each feature, and the bias last. */
  weights: number[][];
}

interface Row {
  flower: Flower;
  species: string;
}

const STEPS = 400;
const LEARNING_RATE = 0.5;

/**
 * Trains on four fifths of Fisher's iris data (150 flowers, 1936), and writes a folder that `kit pack`
 * takes: Kitfile, weights, data and a README.
 *
 * @returns the share of the other fifth that the model names rightly
 */
export async function writeModelKit(folder: string): Promise<number> {
  const csv = await Deno.readTextFile(`${ROOT}/tools/demo/iris.csv`);
  const { features, rows } = parse(csv);
  const model = train(features, rows.filter((_, index) => index % 5 !== 0));
  const unseen = rows.filter((_, index) => index % 5 === 0);
  const right = unseen.filter(({ flower, species }) => predict(model, flower) === species);
  const accuracy = right.length / unseen.length;

  await Deno.mkdir(`${folder}/model`, { recursive: true });
  await Deno.mkdir(`${folder}/data`);
  await Deno.writeTextFile(`${folder}/model/weights.json`, JSON.stringify(model, null, 2) + "\n");
  await Deno.writeTextFile(`${folder}/data/iris.csv`, csv);
  await Deno.writeTextFile(
    `${folder}/README.md`,
    `# Iris\n\nA logistic regression that tells three species of iris apart by four lengths.\n` +
      `It names ${right.length} of ${unseen.length} flowers rightly that it has never seen.\n`,
  );
  await Deno.writeTextFile(`${folder}/Kitfile`, kitfile());
  return accuracy;
}

/** The most likely species. */
export function predict(model: Model, flower: Flower): string {
  const scores = probabilities(model, flower);
  return model.classes[scores.indexOf(Math.max(...scores))];
}

function train(features: string[], rows: Row[]): Model {
  const classes = [...new Set(rows.map(({ species }) => species))];
  const columns = features.map((_, column) => rows.map(({ flower }) => flower[column]));
  const mean = columns.map((values) => sum(values) / values.length);
  const deviation = columns.map((values, column) =>
    Math.sqrt(sum(values.map((value) => (value - mean[column]) ** 2)) / values.length)
  );
  const weights = classes.map(() => new Array(features.length + 1).fill(0));
  const model = { classes, features, mean, deviation, weights };
  for (let step = 0; step < STEPS; step++) {
    const gradient = classes.map(() => new Array(features.length + 1).fill(0));
    for (const { flower, species } of rows) {
      const inputs = normalise(model, flower);
      probabilities(model, flower).forEach((probability, row) => {
        const error = probability - (classes[row] === species ? 1 : 0);
        inputs.forEach((input, column) => gradient[row][column] += error * input / rows.length);
      });
    }
    gradient.forEach((line, row) =>
      line.forEach((slope, column) => weights[row][column] -= LEARNING_RATE * slope)
    );
  }
  return model;
}

/** Softmax of the linear scores. */
function probabilities(model: Model, flower: Flower): number[] {
  const inputs = normalise(model, flower);
  const scores = model.weights.map((row) => sum(row.map((weight, i) => weight * inputs[i])));
  const powers = scores.map((score) => Math.exp(score - Math.max(...scores)));
  return powers.map((power) => power / sum(powers));
}

/** The features around zero, and a one for the bias. */
function normalise({ mean, deviation }: Model, flower: Flower): number[] {
  return [...flower.map((value, i) => (value - mean[i]) / deviation[i]), 1];
}

function parse(csv: string): { features: string[]; rows: Row[] } {
  const [head, ...lines] = csv.trim().split("\n").map((line) => line.split(","));
  const rows = lines.map((cells) => ({
    flower: cells.slice(0, 4).map(Number) as unknown as Flower,
    species: cells[4],
  }));
  return { features: head.slice(0, 4), rows };
}

function kitfile(): string {
  return stringify({
    manifestVersion: "1.0.0",
    package: {
      name: "iris",
      version: "1.0.0",
      description: "Tells three species of iris apart",
      authors: ["the demo of the KitOps storage initializer"],
    },
    model: { name: "iris", path: "model", framework: "logistic regression", version: "1.0.0" },
    datasets: [{ name: "iris", path: "data/iris.csv", description: "Fisher's 150 flowers, 1936" }],
    docs: [{ path: "README.md" }],
  });
}

function sum(values: number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
