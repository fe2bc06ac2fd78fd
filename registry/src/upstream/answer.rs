//! The body of an answer: it holds its server's place until it is dropped.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::places::Place;

/// What a server answers, as it comes in.
pub struct AnswerBody {
    body: Incoming,
    /// Declared last: the connection is let go before the place is free.
    _place: Place,
}

impl AnswerBody {
    pub(super) fn new(body: Incoming, place: Place) -> AnswerBody {
        AnswerBody { body, _place: place }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
