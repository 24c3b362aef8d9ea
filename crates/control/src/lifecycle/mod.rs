//! Services through their whole life, on hosts in memory, with runs that are really carried out.

mod changes;
mod crash_loops;
mod crashes;
mod forks;
mod further;
mod given_up;
mod letters;
mod lives;
mod moves;
mod relocations;
mod scene;
