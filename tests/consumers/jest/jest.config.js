const globalSetup = "./emitting-backend.mjs";

module.exports = {
  projects: [
    {
      displayName: "node",
      testEnvironment: "node",
      testMatch: ["**/client.test.js", "**/slim.test.js"],
      globalSetup,
    },
    {
      displayName: "jsdom",
      testEnvironment: "jsdom",
      testMatch: ["**/client.test.js", "**/slim.test.js"],
      // jsdom has no TextDecoder.
      setupFiles: ["./text-coding.js"],
      globalSetup,
    },
    {
      displayName: "jsdom without a setup file",
      testEnvironment: "jsdom",
      testMatch: ["**/without-setup.test.js"],
    },
  ],
};
