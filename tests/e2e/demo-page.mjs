// The demo page, as a visitor with one of the engines uses it.

import { By, error as errors } from "selenium-webdriver";
import { Engine } from "../support/engines.mjs";

const PATIENCE_MS = 30_000;
const RETRY_MS = 50;

const WINDOW = { x: 0, y: 0, width: 1280, height: 1000 };

/** What may have a role. Whether it has, and what its name is, the engine says. */
const CANDIDATES = {
  button: "button",
  heading: "h1, h2, h3",
  region: "section",
  textbox: "input, textarea",
};

const ANY = /(?:)/;

export class DemoPage {
  #engine;
  #url;

  /** Opens a browser for the page of the server at `url`. */
  static async open(engine, url) {
    const page = new DemoPage();
    page.#url = url;
    page.#engine = await Engine.start(engine);
    await page.#driver.manage().window().setRect(WINDOW);
    return page;
  }

  close() {
    return this.#engine.close();
  }

  /** What has gone wrong in the page since the sign-in. */
  problems() {
    return this.#engine.call("problems");
  }

  /** Signs a user in, in a page that knows of no other, at the address of a run or at the start. */
  async signIn(name, address = this.#url) {
    await this.#driver.get(this.#url);
    await this.#driver.executeScript("sessionStorage.clear()");
    await this.#driver.get("about:blank"); // Without it another fragment would not load the page anew.
    await this.#driver.get(address);
    const form = await this.find('[data-testid="sign-in"]');
    const field = await this.byRole("textbox", "Your name", form);
    await field.sendKeys(name);
    await this.click("Sign in", form);
    await this.connection("connected");
  }

  /** Starts a run; resolves with its address. */
  async start(workflow) {
    await this.#workflows();
    await this.click(`Run ${workflow}`);
    await this.find('[data-testid="run"]');
    return this.#driver.getCurrentUrl();
  }

  /** Chooses a file to add to the documents. */
  async upload(path) {
    await this.#workflows();
    // Not shown: its label is.
    const picker = await this.#until("a file can be chosen", async () => {
      const [input] = await this.all('input[type="file"]:enabled');
      return input;
    });
    await picker.sendKeys(path);
  }

  /** Approves what the run asks about; resolves with the text, as the server has it. */
  async approve() {
    const approval = await this.find('[data-testid="approval"]');
    const review = await this.byRole("region", "Text to decide on", approval);
    const text = await textOf(review);
    await this.click("Approve", approval);
    return text;
  }

  /** Waits until the run streams text, and resolves with what is there of it. */
  async stream() {
    return textOf(await this.find('[data-testid="stream"]'));
  }

  /** Waits until the connection has this status. */
  connection(status) {
    return this.find(`[data-testid="connection"][data-status="${status}"]`);
  }

  /** Waits until a step has this status. */
  step(id, status) {
    return this.find(`[data-node="${id}"][data-status="${status}"]`);
  }

  /** Waits until the log has an event of this type. */
  logged(type) {
    return this.find(`[data-type="${type}"]`);
  }

  /** Clicks a button once that can be done. */
  click(name, within) {
    return this.#until(`the button "${name}" can be clicked`, async () => {
      const button = await this.#shown({ role: "button", name, within });
      if (!(await button?.isEnabled())) return false;
      await button.click();
      return true;
    });
  }

  /** Waits until an element is shown that matches, and in which `text` is. */
  find(css, text) {
    const what = text === undefined ? css : `${css} with ${text}`;
    return this.#until(`${what} is shown`, () => this.#shown({ css, text }));
  }

  /** Waits until an element of this role and name is shown, within another if one is given. */
  byRole(role, name, within) {
    return this.#until(`${role} "${name}" is shown`, () => this.#shown({ role, name, within }));
  }

  /** The elements that match now, shown or not. */
  all(css) {
    return this.#driver.findElements(By.css(css));
  }

  get #driver() {
    return this.#engine.driver;
  }

  #workflows() {
    return this.#driver.get(`${this.#url}/#/`);
  }

  async #shown({ role, name, css = CANDIDATES[role], text = ANY, within = this.#driver }) {
    for (const element of await within.findElements(By.css(css))) {
      if (!(await element.isDisplayed()) || !text.test(await textOf(element))) continue;
      if (role === undefined || (await isNamed(element, role, name))) return element;
    }
  }

  /** Waits until `look` finds something. An element that goes away meanwhile was not it. */
  #until(what, look) {
    const notYet = (error) => {
      if (!(error instanceof errors.StaleElementReferenceError)) throw error;
    };
    const message = `it did not come to this: ${what}`;
    return this.#driver.wait(() => look().catch(notYet), PATIENCE_MS, message, RETRY_MS);
  }
}

/** All of the text in an element: WebDriver's own `getText()` leaves out what is scrolled away. */
function textOf(element) {
  return element.getProperty("textContent");
}

async function isNamed(element, role, name) {
  return (await element.getAriaRole()) === role && (await element.getAccessibleName()) === name;
}
