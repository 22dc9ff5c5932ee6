//! The four providers: names, addresses, keys, and the request each wants.

use crate::kind::HashKind;

/// A provider.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Provider {
    /// VirusTotal, API version 3.
    VirusTotal,
    /// Hybrid Analysis (Falcon Sandbox), API version 2.
    HybridAnalysis,
    /// MalwareBazaar of abuse.ch.
    MalwareBazaar,
    /// AlienVault Open Threat Exchange.
    Otx,
}

/// How a request is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Method {
    /// GET.
    Get,
    /// POST of a form.
    PostForm(Vec<(&'static str, String)>),
}

/// A request as a value. The key stands in a header of its own, so that whoever logs a request can leave it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// Where to.
    pub url: String,
    /// How.
    pub method: Method,
    /// Headers that hold no secret.
    pub headers: Vec<(&'static str, &'static str)>,
    /// Header that holds the key.
    pub key_header: &'static str,
    /// The key.
    pub key: String,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request")
            .field("url", &self.url)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

impl Provider {
    /// All, in the order in which they are told.
    pub const ALL: [Self; 4] = [Self::VirusTotal, Self::HybridAnalysis, Self::MalwareBazaar, Self::Otx];

    /// Name in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VirusTotal => "virustotal",
            Self::HybridAnalysis => "hybridanalysis",
            Self::MalwareBazaar => "malwarebazaar",
            Self::Otx => "otx",
        }
    }

    /// What messages about it begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::VirusTotal => "VT",
            Self::HybridAnalysis => "HA",
            Self::MalwareBazaar => "MB",
            Self::Otx => "OTX",
        }
    }

    /// Name of the setting that holds the key.
    pub fn key_setting(self) -> &'static str {
        match self {
            Self::VirusTotal => "VT_API_KEY",
            Self::HybridAnalysis => "HA_API_KEY",
            Self::MalwareBazaar => "ABUSE_API_KEY",
            Self::Otx => "OTX_API_KEY",
        }
    }

    /// Name of the setting that replaces the address.
    pub fn base_setting(self) -> &'static str {
        match self {
            Self::VirusTotal => "VT_BASE_URL",
            Self::HybridAnalysis => "HA_BASE_URL",
            Self::MalwareBazaar => "MB_BASE_URL",
            Self::Otx => "OTX_BASE_URL",
        }
    }

    /// The public address.
    pub fn default_base(self) -> &'static str {
        match self {
            Self::VirusTotal => "https://www.virustotal.com",
            Self::HybridAnalysis => "https://hybrid-analysis.com",
            Self::MalwareBazaar => "https://mb-api.abuse.ch",
            Self::Otx => "https://otx.alienvault.com",
        }
    }

    /// Whether it is asked for hashes of a kind. Hybrid Analysis' overview knows SHA-256 only; VirusTotal would know MD5, but the
    /// original service never asked it and says so with a null that clients rely on (`docs/reference/triage-api.md` D06).
    pub fn takes(self, kind: HashKind) -> bool {
        match self {
            Self::VirusTotal => kind != HashKind::Md5,
            Self::HybridAnalysis => kind == HashKind::Sha256,
            Self::MalwareBazaar | Self::Otx => true,
        }
    }

    /// The request for a hash. `base` is joined as text: it may hold a path.
    pub fn request(self, base: &str, key: &str, hash: &str) -> Request {
        let base = base.trim_end_matches('/');
        let url = match self {
            Self::VirusTotal => format!("{base}/api/v3/files/{hash}"),
            Self::HybridAnalysis => format!("{base}/api/v2/overview/{hash}"),
            Self::MalwareBazaar => format!("{base}/api/v1/"),
            Self::Otx => format!("{base}/api/v1/indicators/file/{hash}/general"),
        };
        let method = match self {
            Self::MalwareBazaar => {
                Method::PostForm(vec![("query", "get_info".to_owned()), ("hash", hash.to_owned())])
            }
            _ => Method::Get,
        };
        let (key_header, headers) = match self {
            Self::VirusTotal => ("x-apikey", Vec::new()),
            Self::HybridAnalysis => {
                ("api-key", vec![("user-agent", "Falcon Sandbox"), ("accept", "application/json")])
            }
            Self::MalwareBazaar => ("Auth-Key", Vec::new()),
            Self::Otx => ("X-OTX-API-KEY", Vec::new()),
        };
        Request { url, method, headers, key_header, key: key.to_owned() }
    }

    /// The page a person would look at.
    pub fn page(self, hash: &str) -> String {
        match self {
            Self::VirusTotal => format!("https://www.virustotal.com/gui/file/{hash}"),
            Self::HybridAnalysis => format!("https://hybrid-analysis.com/sample/{hash}"),
            Self::MalwareBazaar => format!("https://bazaar.abuse.ch/sample/{hash}/"),
            Self::Otx => format!("https://otx.alienvault.com/indicator/file/{hash}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_hold_the_key_in_one_place_and_do_not_show_it() {
        for provider in Provider::ALL {
            let request = provider.request("http://127.0.0.1:1/x/", "secret", "ab");
            assert!(request.url.starts_with("http://127.0.0.1:1/x/api/"), "{}", request.url);
            assert_eq!(request.key, "secret");
            assert!(!format!("{request:?}").contains("secret"));
        }
        let form = Provider::MalwareBazaar.request("b", "k", "ab").method;
        assert_eq!(form, Method::PostForm(vec![("query", "get_info".to_owned()), ("hash", "ab".to_owned())]));
    }
}
