//! Addresses of tokens.

use std::str::FromStr;

use crate::output::Hinted;

/// Bytes of an address.
const BYTES: usize = 20;

/// `TICKER=0x..` of the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenAddress {
    ticker: String,
    text: String,
    bytes: [u8; BYTES],
}

impl FromStr for TokenAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ticker, address) = text.split_once('=').ok_or("expected TICKER=0x.., such as BTC=0x2260..")?;
        let bytes = parse(address).ok_or_else(|| format!("expected 0x and {} hexadecimal digits", 2 * BYTES))?;
        if bytes == [0; BYTES] {
            return Err("the zero address is no token".to_owned());
        }
        Ok(Self { ticker: ticker.to_owned(), text: address.to_owned(), bytes })
    }
}

fn parse(text: &str) -> Option<[u8; BYTES]> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 2 * BYTES && digits.is_ascii())?;
    let mut bytes = [0; BYTES];
    for (position, byte) in bytes.iter_mut().enumerate() {
        let pair = &digits[2 * position..2 * position + 2];
        *byte = u8::from_str_radix(pair, 16).ok().filter(|_| !pair.starts_with('+'))?;
    }
    Some(bytes)
}

/// One address per asset, in the configuration's order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(Vec<TokenAddress>);

impl Addresses {
    /// The addresses of all assets; `None` if none is given.
    ///
    /// # Errors
    /// An address of no asset, an asset with two or none, two assets with one.
    pub fn of(given: &[TokenAddress], assets: &[String]) -> anyhow::Result<Option<Self>> {
        if given.is_empty() {
            return Ok(None);
        }
        let refuse =
            |problem: String, hint: String| -> anyhow::Result<Option<Self>> { Err(Hinted::new(problem, hint).into()) };
        if let Some(stray) = given.iter().find(|address| !assets.contains(&address.ticker)) {
            return refuse(
                format!("--address {}: the pool has no such asset", stray.ticker),
                format!("its assets are {}", assets.join(", ")),
            );
        }
        for (index, address) in given.iter().enumerate() {
            let others = &given[..index];
            if others.iter().any(|other| other.ticker == address.ticker) {
                return refuse(format!("--address {} is given twice", address.ticker), "give it once".to_owned());
            }
            if let Some(other) = others.iter().find(|other| other.bytes == address.bytes) {
                return refuse(
                    format!("{} and {} have one address, {}", other.ticker, address.ticker, address.text),
                    "tokens are told apart by their addresses".to_owned(),
                );
            }
        }
        let of_asset = |asset: &String| given.iter().find(|address| address.ticker == *asset).cloned();
        let missing: Vec<&str> = assets.iter().filter(|asset| of_asset(asset).is_none()).map(String::as_str).collect();
        if !missing.is_empty() {
            return refuse(
                format!("no --address is given for {}", missing.join(", ")),
                "give an address to every asset, or to none".to_owned(),
            );
        }
        Ok(Some(Self(assets.iter().filter_map(of_asset).collect())))
    }

    /// Positions of the assets in the configuration, by ascending address.
    pub fn ascending(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.0.len()).collect();
        order.sort_by_key(|position| self.0[*position].bytes);
        order
    }

    /// The addresses as they were given, in ascending order.
    pub fn sorted(&self) -> Vec<String> {
        self.ascending().into_iter().map(|position| self.0[position].text.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn address(ticker: &str, first: &str) -> String {
        format!("{ticker}=0x{first}{}", "0".repeat(40 - first.len()))
    }

    #[test]
    fn addresses_are_twenty_bytes() {
        assert!(address("BTC", "fF01").parse::<TokenAddress>().is_ok());
        for bad in ["BTC", "BTC=2260", "BTC=0x2260", &address("BTC", "gg"), &address("BTC", "+1"), &address("BTC", "")]
        {
            assert!(bad.parse::<TokenAddress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_asset_has_one_of_its_own_and_they_ascend() {
        let assets = ["BTC", "ETH", "LTC"].map(str::to_owned);
        let of = |given: &[String]| {
            let given: Vec<TokenAddress> = given.iter().map(|text| text.parse().unwrap()).collect();
            Addresses::of(&given, &assets)
        };
        let all = of(&[address("ETH", "1"), address("BTC", "fF"), address("LTC", "0a")]).unwrap().unwrap();
        assert_eq!(all.ascending(), [2, 1, 0]);
        assert!(all.sorted()[2].starts_with("0xfF"));
        assert_eq!(of(&[]).unwrap(), None);
        for (given, problem) in [
            (vec![address("XRP", "1")], "no such asset"),
            (vec![address("ETH", "1"), address("ETH", "2")], "twice"),
            (vec![address("ETH", "a"), address("BTC", "A")], "one address"),
            (vec![address("ETH", "1")], "for BTC, LTC"),
        ] {
            let error = of(&given).unwrap_err().to_string();
            assert!(error.contains(problem), "{error}");
        }
    }
}
