export default {
  mode: "production",
  performance: { hints: false },
  entry: {
    main: "./src/main.js",
    slim: "./src/slim-webpack.js",
    copies: "./src/copies.js",
  },
  output: { path: `${import.meta.dirname}/dist/webpack` },
};
