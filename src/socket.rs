//! One WebSocket; see `socket.js`.

use flowmaestro_session::{Generation, Token};
use wasm_bindgen::prelude::*;

use crate::decoder::Decoder;
use crate::options::Settings;

#[wasm_bindgen(module = "/src/socket.js")]
extern "C" {
    type SocketObject;

    #[wasm_bindgen(js_name = openSocket)]
    fn open_socket(
        generation: u32,
        url: &JsValue,
        token: Option<&str>,
        placement: u8,
        ticket_url: &JsValue,
        decoder: &Decoder,
        report: &JsValue,
    ) -> Option<SocketObject>;

    #[wasm_bindgen(method)]
    fn send(this: &SocketObject, text: &JsValue);

    #[wasm_bindgen(method)]
    fn close(this: &SocketObject, code: u16);

    #[wasm_bindgen(method)]
    fn detach(this: &SocketObject);
}

/// An open or opening socket. Dropping it detaches it; closing it is another matter.
pub(crate) struct Socket {
    generation: Generation,
    socket: SocketObject,
}

impl Socket {
    /// Opens a socket, unless the browser refuses to; where the token is changed into a ticket, after
    /// that. What it receives is reported.
    pub(crate) fn open(
        generation: Generation,
        token: Option<&Token>,
        settings: &Settings,
        decoder: &Decoder,
        report: &JsValue,
    ) -> Option<Self> {
        let token = token.map(Token::as_str);
        let socket = open_socket(
            generation.0,
            &settings.url,
            token,
            settings.token_placement,
            &settings.ticket_url,
            decoder,
            report,
        )?;
        Some(Self { generation, socket })
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Hands a text to the browser, which sends it when it can.
    pub(crate) fn send(&self, text: &JsValue) {
        self.socket.send(text);
    }

    /// Closes the connection. `code` must be 1000 or 3000–4999, or the browser refuses it.
    pub(crate) fn close(self, code: u16) {
        self.socket.close(code);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.detach();
    }
}
