//! One `web_sys::WebSocket`, and what it reports.

use flowmaestro_session::{Generation, Input, Token};
use js_sys::{Array, Function};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::spawn_local;
use web_sys::{BinaryType, CloseEvent, WebSocket};

use crate::decoder::{self, Decoder, Listener};
use crate::options::{Settings, TokenPlacement};
use crate::platform;

/// The subprotocol that a server answers with when the token travels as the other one.
const SUBPROTOCOL: &str = "flowmaestro.v1";

/// An open or opening socket. Dropping it detaches its handlers; closing it is another matter.
pub(crate) struct Socket {
    generation: Generation,
    socket: WebSocket,
    listener: Listener,
    closures: Option<Closures>,
}

/// Kept as long as the browser may call them.
struct Closures {
    _open: Closure<dyn Fn()>,
    _frame: Closure<dyn Fn(u32, JsValue, f64)>,
    _close: Closure<dyn Fn(CloseEvent)>,
}

impl Socket {
    /// Opens a socket, which reports to `sink`.
    ///
    /// # Errors
    /// When the browser refuses to create it. Its own error is dropped: it quotes the URL, and with
    /// that the token.
    pub(crate) fn open(
        generation: Generation,
        token: Option<&Token>,
        settings: &Settings,
        decoder: &Decoder,
        sink: impl Fn(Input<JsValue>) + Clone + 'static,
    ) -> Result<Self, ()> {
        let socket = create(token.map(Token::as_str), settings).map_err(|_| ())?;
        // A binary frame is an error for the decoder; as an ArrayBuffer it costs no Blob.
        socket.set_binary_type(BinaryType::Arraybuffer);

        let on_open = sink.clone();
        let open = Closure::<dyn Fn()>::new(move || on_open(Input::SocketOpened { generation }));
        let on_frame = sink.clone();
        let frame = Closure::<dyn Fn(u32, JsValue, f64)>::new(move |frame, payload, detail| {
            on_frame(decoder::unpack(generation, frame, payload, detail));
        });
        let close = Closure::<dyn Fn(CloseEvent)>::new(move |event: CloseEvent| {
            let (code, reason) = (event.code(), event.reason());
            sink(Input::SocketClosed {
                generation,
                code,
                reason,
            });
        });

        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        let listener = decoder.listener(frame.as_ref());
        socket.set_onmessage(Some(&listener.onmessage()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref::<Function>()));
        let closures = Closures {
            _open: open,
            _frame: frame,
            _close: close,
        };
        Ok(Self {
            generation,
            socket,
            listener,
            closures: Some(closures),
        })
    }

    pub(crate) fn generation(&self) -> Generation {
        self.generation
    }

    /// Hands a text to the browser, which sends it when it can.
    pub(crate) fn send(&self, text: &str) {
        // It throws only while connecting, when the session does not send.
        let _ = self.socket.send_with_str(text);
    }

    /// Hands a text that JavaScript made to the browser, without a copy through wasm's memory.
    pub(crate) fn send_js(&self, text: &JsValue) {
        let socket: &TextSocket = self.socket.unchecked_ref();
        let _ = socket.send(text);
    }

    /// Closes the connection. `code` must be 1000 or 3000–4999, or the browser refuses it.
    pub(crate) fn close(self, code: u16) {
        let _ = self.socket.close_with_code(code);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.listener.stop();
        self.socket.set_onclose(None);
        // One of them may be running right now.
        let closures = self.closures.take();
        spawn_local(async move { drop(closures) });
    }
}

fn create(token: Option<&str>, settings: &Settings) -> Result<WebSocket, JsValue> {
    let url = settings.url.as_deref();
    match (token, settings.token_placement) {
        (Some(token), TokenPlacement::Subprotocol) => {
            let bearer = format!("bearer.{token}");
            let protocols = Array::of2(&SUBPROTOCOL.into(), &bearer.into());
            WebSocket::new_with_str_sequence(&platform::socket_url(url, None)?, &protocols)
        }
        (token, _) => WebSocket::new(&platform::socket_url(url, token)?),
    }
}

#[wasm_bindgen]
extern "C" {
    /// The socket as something that takes a text which is already JavaScript's.
    type TextSocket;

    #[wasm_bindgen(method, catch)]
    fn send(this: &TextSocket, text: &JsValue) -> Result<(), JsValue>;
}
