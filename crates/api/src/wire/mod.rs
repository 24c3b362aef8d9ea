//! The JSON of requests and answers: plain data, one file for each noun.
//!
//! Names and shapes are those of the public Aiven API; only this crate knows them, and other rooms' types are copied into
//! them by hand. A field without `Option` is never absent and never null, because some clients stop at what is missing; an
//! `Option` is written as null, unless its comment says that it is left out. What clients send beyond these fields is
//! ignored.

pub mod account;
pub mod alert;
pub mod catalog;
pub mod cloud;
pub mod common;
pub mod deleted;
pub mod event;
pub mod integration;
pub mod network;
pub mod region;
pub mod run;
pub mod service;
pub mod tag;
