// @ts-check
/** All texts of the settings and of the result: what a translator needs. */

/** @type {Record<string, string>} */
const LABELS = {
  flexibility: "Stiffness",
  smoothing: "Smoothing of the samples",
  protect: "Protection of objects",
  strength: "Strength",
  mode: "Correction",
  pedestal: "Pedestal",
  border: "Border left out",
  downscaling_factor: "Downscaling",
  control_points: "Control points (N)",
  order: "Order of the spline",
  initializer: "Start of the points",
  optimizer: "Optimizer",
  epochs: "Iterations at most",
  alpha: "Penalty of overshoot",
  stiffness: "Weight of the bending energy",
  starts: "Independent starts",
  learning_rate: "Learning rate of Adam",
  seed: "Seed",
  downscaling_func: "A pixel of the small copy is the",
  feather: "Feathering of masks",
  quantile: "Quantile of the stretch",
  threshold_min: "Lower threshold",
  threshold_max: "Upper threshold",
  second_opinion: "Second opinion by a descent",
};

export const words = {
  connection: /** @type {Record<string, string>} */ ({
    connecting: "Connecting to fastbg …",
    open: "Connected to fastbg.",
    lost: "The connection to fastbg is lost. Trying again …",
  }),
  result: {
    title: "Result",
    first: "Finding the sky …",
    stale: "Updating …",
    failed: "This cannot be fitted",
    before: "What is shown was found before.",
    done: (/** @type {import("../types.js").Fitted} */ fitted) => fitted.words,
    seconds: (/** @type {number} */ seconds) =>
      `The fit took ${seconds < 1 ? `${Math.round(1000 * seconds)} ms` : `${seconds.toFixed(1)} s`}`,
  },
  warnings: {
    title: "Warnings",
    go: "Show where this is. J goes to the next warning, W hides the circles.",
    none: "There are no warnings.",
  },
  knobs: "Settings",
  automatic: {
    is: "automatic",
    is_help: "fastbg has chosen this value.",
    back: "Automatic",
    back_help: (/** @type {string} */ label) => `${label}: back to automatic`,
  },
  label: (/** @type {string} */ name) => LABELS[name] ?? name,
  flexibility: {
    label: "Stiffness",
    help: "How much the fitted sky may bend. fastbg compares several surfaces and takes the stiffest that explains the sky; its choice is marked.",
    stiff: "stiff",
    loose: "loose",
    /** @param {import("../types.js").Candidate} one @param {number} count @param {boolean} own */
    tell: ({ number, name, explained, tried }, count, own) => {
      const parts = [name === String(number) ? `${number} of ${count}` : name];
      if (tried && explained !== null) parts.push(`${(100 * explained).toFixed(1)} % of the frame lies on it`);
      if (own) parts.push("fastbg has chosen it");
      return `${parts.join("; ")}.`;
    },
  },
  help: /** @type {Record<string, string>} */ ({
    smoothing: "How closely the surface goes through the samples: at 0 it goes through all of them, at 1 it is a plane.",
    protect: "How what is no sky is kept out of the fit: found in the image, found more eagerly, or not at all.",
    strength: "How much of the gradient is taken out. 100 % takes out all of it.",
    mode: "Subtract light that was added to the image, or divide by what dims it, such as vignetting.",
    pedestal: "The level that is put back, so that the sky does not become black.",
    border: "Pixels along each edge that the fit leaves out, such as the edges of a stack. The image is not cropped.",
    downscaling_factor: "Pixels along the side of the blocks that become one pixel of the small copy, on which the sky is fitted.",
  }),
  factor: (/** @type {string} */ factor) => (factor === "1" ? "None: every pixel" : `${factor} × ${factor} pixels become one`),
  pedestal_level: "Level",
  pedestal_level_help: "The level of the sky after the correction, in linear units.",
  values: /** @type {Record<string, Record<string, any>>} */ ({
    protect: {
      auto: { text: "Auto", help: "Objects are found unless you give a number of control points." },
      off: { text: "Off", help: "Nothing is found: all but what you painted is sky." },
      strong: { text: "Strong", help: "More is taken for objects." },
      always: { text: "Always", help: "Objects are found in all that you did not paint." },
    },
    mode: {
      subtract: { text: "Subtract", help: "For light that was added: sky glow, moonlight." },
      divide: { text: "Divide", help: "For light that is missing: vignetting, uneven flats." },
    },
    pedestal: {
      "model-median": "Keep the level and colour of the sky",
      neutral: "Make the sky grey",
      none: "Put nothing back",
      bgoptimizer: "As bgoptimizer does",
      number: "A level of your own",
    },
    downscaling_factor: { auto: "Automatic" },
    initializer: { random: "At random", grid: "On a grid" },
    optimizer: { lbfgs: "L-BFGS", adam: "Adam" },
    downscaling_func: { median: "median", mean: "mean" },
  }),
  whole: new Set(["control_points", "order", "epochs", "starts", "seed", "feather", "downscaling_factor"]),
  units: /** @type {Record<string, string>} */ ({ strength: "%", feather: "px", border: "px" }),
  descent: {
    title: "Descent with N control points",
    help: "A number of control points replaces the search for the sky by a descent, as in bgoptimizer. 0 leaves it to fastbg.",
  },
  more: { title: "More settings", help: "" },
};
