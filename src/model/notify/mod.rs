//! Notifications: what happened that somebody wants to be told, by which channel, and how far that is.

mod channel;
mod message;
mod news;
mod notice;

pub use channel::{
    Channel, CommandWay, HeaderText, NatsWay, Rule, SecretRef, SmtpTls, SmtpWay, SyslogTo,
    SyslogWay, Way, WebhookWay,
};
pub use message::{Delivery, DeliveryState, Message, Routing, Standing};
pub use news::{Places, host_notice, host_notices, of_operation, of_request, of_run};
pub use notice::{Kind, Notice, Turn};
