//! A webhook: the message as JSON in a POST, signed where that is wanted.

use std::error::Error as _;

use reqwest::{
    StatusCode,
    header::{CONTENT_TYPE, HeaderName, HeaderValue},
    redirect::Policy,
};
use ring::hmac;
use secrecy::ExposeSecret as _;

use super::{Error, ErrorKind, Keys, authorities, short};
use crate::model::{
    hex,
    notify::{Message, WebhookWay},
};

/// So much of an answer is read.
const ANSWER: usize = 4 << 10;

pub(super) async fn send(
    way: &WebhookWay,
    message: &Message,
    keys: &Keys<'_>,
) -> Result<String, Error> {
    let mut certificates = Vec::new();
    for one in authorities(way.ca.as_deref(), keys.doing)? {
        let read = reqwest::Certificate::from_der(&one);
        certificates.push(read.map_err(|error| keys.wrong(error.to_string()))?);
    }
    let http = reqwest::Client::builder()
        .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")))
        .tls_certs_merge(certificates)
        // What was meant for one place must not go to another.
        .redirect(Policy::none())
        .build()
        .map_err(|error| keys.wrong(cause(error)))?;
    let url = keys.text(&way.url).await?;
    let body = message.json().to_string();
    let mut request = http
        .post(url.expose_secret().trim())
        .header(CONTENT_TYPE, "application/json")
        .header("X-Wharf-Id", &message.id)
        .header("Idempotency-Key", &message.id);
    for (name, text) in &way.headers {
        let value = keys.text(text).await?;
        let name = HeaderName::try_from(name)
            .map_err(|_| keys.wrong(format!("'{name}' is no name of a header")))?;
        let mut value = HeaderValue::try_from(value.expose_secret().trim())
            .map_err(|_| keys.wrong(format!("the value of {name} can be in no header")))?;
        value.set_sensitive(true);
        request = request.header(name, value);
    }
    if let Some(place) = &way.sign {
        let secret = keys.secret(place).await?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
        let signature = hex(hmac::sign(&key, body.as_bytes()).as_ref());
        request = request.header("X-Wharf-Signature", format!("sha256={signature}"));
    }
    let response = request.body(body).send().await;
    let mut response = response.map_err(|error| keys.offline(cause(error)))?;
    let status = response.status();
    let mut answer = Vec::new();
    while let Ok(Some(part)) = response.chunk().await {
        answer.extend_from_slice(&part);
        if answer.len() >= ANSWER {
            break;
        }
    }
    answer.truncate(ANSWER);
    let said = short(&format!("{status} {}", String::from_utf8_lossy(&answer)));
    if status.is_success() {
        return Ok(said);
    }
    let kind = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Login,
        StatusCode::NOT_FOUND | StatusCode::GONE => ErrorKind::Missing,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => ErrorKind::Offline,
        status if status.is_client_error() => ErrorKind::Refused,
        _ => ErrorKind::Offline,
    };
    Err(Error::new(kind, keys.doing, format!("it answers {said}")))
}

/// What a request failed of, without its address: that may be what lets in.
fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut last = error.to_string();
    let mut next = error.source();
    while let Some(one) = next {
        last = one.to_string();
        next = one.source();
    }
    last
}
