//! Where wrong bytes come from, for people.

use serde_json::Value;

/// The `source` of a wrong range in words, like `node_2/process_1 at 8192`.
pub(super) fn origin(source: &Value) -> String {
    let offset = source["offset"].as_u64().unwrap_or_default();
    let text = match (source["path"].as_str(), source["shared_block"].as_u64()) {
        (_, Some(number)) => {
            format!("shared block {number} of generation {}", source["generation"])
        }
        (Some(path), None) => format!("{path} at {offset}"),
        (None, None) => format!("another dataset at {offset}"),
    };
    match source["last_generation"].as_u64() {
        Some(last) => format!("{text}, the same up to generation {last}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_kind_of_source_has_its_words() {
        for (source, words) in [
            (json!({"path": "a/b", "offset": 5}), "a/b at 5"),
            (json!({"path": null, "offset": 5}), "another dataset at 5"),
            (
                json!({"path": null, "generation": 3, "offset": 5, "shared_block": 7}),
                "shared block 7 of generation 3",
            ),
            (
                json!({"path": "a/b", "offset": 5, "last_generation": 4}),
                "a/b at 5, the same up to generation 4",
            ),
        ] {
            assert_eq!(origin(&source), words);
        }
    }
}
