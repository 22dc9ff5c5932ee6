//! Bands: groups of signature positions whose values together are one key of the index. A projection is the list of bands.

use std::fmt::Write as _;

use crate::config::{DEFAULT_SEED, MinHashConfig};
use crate::digest::sha256_hex;
use crate::murmur::murmur3;
use crate::twister::Twister;

/// Presets by name, from MCRIT 1.9.0; all are for 64 positions.
const PRESETS: &str = include_str!("../../../data/band_presets.txt");

/// Which positions of a signature make up each band.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Projection {
    signature_length: usize,
    /// Positions of all bands, one after the other.
    positions: Vec<u16>,
    /// End of each band in `positions`.
    ends: Vec<u32>,
}

/// Why a projection cannot be made.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The signature length is 0 or beyond [`MinHashConfig::MAX_SIGNATURE_LENGTH`].
    #[error("signature length {0} is out of range")]
    SignatureLength(usize),
    /// No band at all.
    #[error("the band projection is empty")]
    Empty,
    /// A band without positions.
    #[error("band {0} is empty")]
    EmptyBand(usize),
    /// A position outside of the signature.
    #[error("band {band} names position {position}, the signature has {length}")]
    PositionOutside {
        /// Number of the band, from 0.
        band: usize,
        /// The position.
        position: u64,
        /// Positions of the signature.
        length: usize,
    },
    /// A position twice in one band.
    #[error("band {band} names position {position} more than once")]
    PositionRepeated {
        /// Number of the band, from 0.
        band: usize,
        /// The position.
        position: u64,
    },
    /// Linear bands that do not cover the signature exactly.
    #[error("linear banding needs bands * size = signature length, got {count} * {size} for {length}")]
    NotLinear {
        /// Number of bands.
        count: usize,
        /// Positions of a band.
        size: usize,
        /// Positions of the signature.
        length: usize,
    },
    /// More than [`Projection::MAX_POSITIONS`] positions in all bands together.
    #[error("the bands name more than {} positions", Projection::MAX_POSITIONS)]
    TooLarge,
    /// No preset of that name.
    #[error("unknown band preset {0:?}")]
    UnknownPreset(String),
    /// A preset for another signature length.
    #[error("preset {name:?} is for 64 positions, the signature has {length}")]
    PresetLength {
        /// Name of the preset.
        name: String,
        /// Positions of the signature.
        length: usize,
    },
}

impl Default for Projection {
    /// The default of MCRIT 1.9.0: 20 random bands of 4 positions.
    fn default() -> Self {
        let mut projection = Self::of_length(64);
        projection.draw(&[(4, 20)], DEFAULT_SEED);
        projection
    }
}

impl Projection {
    /// Upper bound of positions of all bands together.
    pub const MAX_POSITIONS: usize = 1 << 16;

    fn of_length(signature_length: usize) -> Self {
        Self { signature_length, positions: Vec::new(), ends: Vec::new() }
    }

    /// Random bands: for each `(size, count)` in order, `count` bands of `size` positions, all drawn from one generator.
    /// Bands larger than the signature take all of it.
    pub fn random(
        bands: &[(usize, usize)],
        seed: u64,
        signature_length: usize,
    ) -> Result<Self, ProjectionError> {
        check_length(signature_length)?;
        let total = bands.iter().try_fold(0_usize, |total, (size, count)| {
            total.checked_add(size.min(&signature_length).max(&1).checked_mul(*count)?)
        });
        if total.is_none_or(|total| total > Self::MAX_POSITIONS) {
            return Err(ProjectionError::TooLarge);
        }
        let mut projection = Self::of_length(signature_length);
        projection.draw(bands, seed);
        projection.checked()
    }

    /// Shuffles all positions anew for each band and keeps the first ones.
    fn draw(&mut self, bands: &[(usize, usize)], seed: u64) {
        let mut twister = Twister::new(seed);
        let sizes = bands.iter().flat_map(|(size, count)| std::iter::repeat_n(*size, *count));
        for size in sizes {
            let mut positions: Vec<u16> = (0..self.signature_length as u16).collect();
            twister.shuffle(&mut positions);
            positions.truncate(size);
            self.push(positions);
        }
    }

    /// `count` bands of `size` positions that lie evenly apart; `count * size` must be the signature length.
    pub fn linear(size: usize, count: usize, signature_length: usize) -> Result<Self, ProjectionError> {
        check_length(signature_length)?;
        if size.checked_mul(count) != Some(signature_length) {
            return Err(ProjectionError::NotLinear { count, size, length: signature_length });
        }
        let mut projection = Self::of_length(signature_length);
        for band in 0..count {
            projection.push((0..size).map(|step| (band + step * count) as u16));
        }
        projection.checked()
    }

    /// Bands as listed.
    pub fn explicit(bands: &[Vec<u64>], signature_length: usize) -> Result<Self, ProjectionError> {
        check_length(signature_length)?;
        if bands.iter().map(Vec::len).sum::<usize>() > Self::MAX_POSITIONS {
            return Err(ProjectionError::TooLarge);
        }
        let mut projection = Self::of_length(signature_length);
        for (number, band) in bands.iter().enumerate() {
            if let Some(position) = band.iter().find(|position| **position >= signature_length as u64) {
                let (band, position) = (number, *position);
                return Err(ProjectionError::PositionOutside { band, position, length: signature_length });
            }
            projection.push(band.iter().map(|position| *position as u16));
        }
        projection.checked()
    }

    /// A preset by name.
    pub fn preset(name: &str, signature_length: usize) -> Result<Self, ProjectionError> {
        let (_, _, bands) = presets()
            .find(|(known, _, _)| *known == name)
            .ok_or_else(|| ProjectionError::UnknownPreset(name.to_owned()))?;
        if signature_length != 64 {
            return Err(ProjectionError::PresetLength { name: name.to_owned(), length: signature_length });
        }
        Self::explicit(&bands, signature_length)
    }

    /// Names of all presets.
    pub fn preset_names() -> impl Iterator<Item = &'static str> {
        presets().map(|(name, _, _)| name)
    }

    fn push(&mut self, positions: impl IntoIterator<Item = u16>) {
        self.positions.extend(positions);
        self.ends.push(self.positions.len() as u32);
    }

    /// Refuses empty projections and bands, and repeated positions.
    fn checked(self) -> Result<Self, ProjectionError> {
        if self.ends.is_empty() {
            return Err(ProjectionError::Empty);
        }
        let mut seen = vec![usize::MAX; self.signature_length];
        for (number, band) in self.bands().enumerate() {
            if band.is_empty() {
                return Err(ProjectionError::EmptyBand(number));
            }
            for position in band {
                let last = std::mem::replace(&mut seen[usize::from(*position)], number);
                if last == number {
                    let (band, position) = (number, u64::from(*position));
                    return Err(ProjectionError::PositionRepeated { band, position });
                }
            }
        }
        Ok(self)
    }

    /// Number of bands.
    pub fn num_bands(&self) -> usize {
        self.ends.len()
    }

    /// Positions a signature must have.
    pub fn signature_length(&self) -> usize {
        self.signature_length
    }

    /// The bands in order, each the list of its positions in order.
    pub fn bands(&self) -> impl ExactSizeIterator<Item = &[u16]> {
        self.ends.iter().enumerate().map(|(band, end)| {
            let start = band.checked_sub(1).map_or(0, |before| self.ends[before]);
            &self.positions[start as usize..*end as usize]
        })
    }

    /// The key of each band, in order. A signature has one byte or four little-endian bytes a position; one of any other
    /// length, an empty one above all, has no keys.
    pub fn keys<'a>(&'a self, signature: &'a [u8]) -> impl Iterator<Item = u32> + 'a {
        let width = signature.len() / self.signature_length;
        let fits = signature.len() == width * self.signature_length && (width == 1 || width == 4);
        self.bands().take(if fits { usize::MAX } else { 0 }).map(move |band| band_key(band, signature, width))
    }

    /// First 16 hex digits of the SHA-256 that identifies bands and signature length.
    pub fn fingerprint(&self) -> String {
        let mut text = String::from("{\"projection\": [");
        for (number, band) in self.bands().enumerate() {
            text.push_str(if number == 0 { "[" } else { ", [" });
            for (at, position) in band.iter().enumerate() {
                let _ = write!(text, "{}{position}", if at == 0 { "" } else { ", " });
            }
            text.push(']');
        }
        let _ = write!(text, "], \"signature_length\": {}}}", self.signature_length);
        let mut digest = sha256_hex(text.as_bytes());
        digest.truncate(16);
        digest
    }
}

fn check_length(signature_length: usize) -> Result<(), ProjectionError> {
    match signature_length {
        1..=MinHashConfig::MAX_SIGNATURE_LENGTH => Ok(()),
        other => Err(ProjectionError::SignatureLength(other)),
    }
}

/// Hash of the decimal values of the positions, written one after the other without separator.
fn band_key(band: &[u16], signature: &[u8], width: usize) -> u32 {
    // Ten digits at most for each of the positions; usual bands have four positions of three digits.
    let mut short = [0; 64];
    let mut long;
    let text: &mut [u8] = if band.len() * 10 <= short.len() {
        &mut short
    } else {
        long = vec![0; band.len() * 10];
        &mut long
    };
    let mut len = 0;
    for position in band {
        let at = usize::from(*position) * width;
        let value = match &signature[at..at + width] {
            [byte] => u32::from(*byte),
            wide => wide.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte)),
        };
        len += write_decimal(value, &mut text[len..]);
    }
    murmur3(&text[..len])
}

/// Writes a number in decimal and returns the number of digits.
fn write_decimal(value: u32, out: &mut [u8]) -> usize {
    let digits = value.checked_ilog10().map_or(1, |log| log as usize + 1);
    let mut rest = value;
    for digit in out[..digits].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

/// Name, fingerprint and bands of each preset.
fn presets() -> impl Iterator<Item = (&'static str, &'static str, Vec<Vec<u64>>)> {
    PRESETS.split("\n[").skip(1).filter_map(|section| {
        let (head, body) = section.split_once("]\n")?;
        let (name, fingerprint) = head.split_once(' ')?;
        let bands = body
            .lines()
            .map(|line| line.split(' ').filter_map(|position| position.parse().ok()).collect())
            .collect();
        Some((name, fingerprint, bands))
    })
}

#[cfg(test)]
mod tests;
