//! Where a search takes its records from: a set of functions that a condition names, or a walk in the wanted order.

use std::collections::HashMap;

use malkin_report::PicHash;
use rusqlite::Connection;

use super::super::names::{self, Names};
use super::statement::{NameRows, Statement, column, label_column, sign};
use crate::error::StoreError;
use crate::search::{ByPicHash, Comparison, Field, Filter, Noun, Operator, Order, Test};

/// A search with what had to be looked up for it.
pub(super) struct Source<'a> {
    noun: Noun,
    filter: &'a Filter,
    /// By the folded text that they contain.
    names: HashMap<&'a str, Names>,
    /// Functions by PicHash, as JSON lists.
    by_pichash: HashMap<i64, String>,
}

/// Functions outside of which there is none that is wanted.
struct Set {
    /// What to select from; `f` is each function, once.
    from: String,
    /// How little it is to be preferred; 0 most.
    rank: u8,
}

impl<'a> Source<'a> {
    pub(super) fn new(
        connection: &Connection,
        noun: Noun,
        filter: &'a Filter,
        by_pichash: Option<ByPicHash<'_>>,
    ) -> Result<Self, StoreError> {
        let mut source = Self { noun, filter, names: HashMap::new(), by_pichash: HashMap::new() };
        if noun == Noun::Function {
            source.look_up(connection, filter, by_pichash)?;
        }
        Ok(source)
    }

    fn look_up(
        &mut self,
        connection: &Connection,
        filter: &'a Filter,
        by_pichash: Option<ByPicHash<'_>>,
    ) -> Result<(), StoreError> {
        match filter {
            Filter::All(parts) | Filter::Any(parts) => {
                for part in parts {
                    self.look_up(connection, part, by_pichash)?;
                }
            }
            Filter::Test(Field::FunctionName, Test::Contains { needle, .. }) if !needle.is_empty() => {
                if !self.names.contains_key(needle.as_str()) {
                    self.names.insert(needle, names::containing(connection, needle)?);
                }
            }
            // 0 stands for no PicHash, which no index knows.
            Filter::Test(Field::PicHash, Test::Compares(Comparison::Integer(Operator::Equal, bits)))
                if *bits != 0 =>
            {
                if let Some(by_pichash) = by_pichash {
                    let ids = by_pichash(PicHash::new(*bits as u64));
                    let ids: Vec<i64> = ids.into_iter().map(malkin_report::FunctionId::get).collect();
                    self.by_pichash.insert(*bits, names::json(&ids));
                }
            }
            Filter::Test(..) => {}
        }
        Ok(())
    }

    /// The statement for one step of a page: the records that are wanted and lie where `step` says, in order.
    pub(super) fn statement(&self, order: &Order, backward: bool, step: &Filter, limit: usize) -> Statement {
        let mut statement = Statement::default();
        let set = if self.noun == Noun::Function { self.set(self.filter, &mut statement) } else { None };
        let walk = Walk::of(self.noun, order.field, set.is_some());
        statement.names = match order.field {
            _ if set.is_some() => NameRows::OfFunctions,
            Field::FunctionName => NameRows::Walked,
            Field::Offset | Field::NumBlocks | Field::NumInstructions => NameRows::Listed,
            _ => NameRows::OfFunctions,
        };
        let from = match (&set, walk.functions_by_sample) {
            (Some(set), _) => set.from.clone(),
            (None, true) => {
                let (least, most) = bounds(step);
                let (least, most) = (statement.bind(least), statement.bind(most));
                format!(
                    "{} CROSS JOIN function_search AS f ON f.id BETWEEN max(s.lowest_function, {least}) \
                     AND min(s.lowest_function + s.num_functions - 1, {most})",
                    walk.from
                )
            }
            (None, false) => walk.from.to_owned(),
        };
        // A set that is the whole filter needs no second look, but an index outside may name too many.
        let wanted = match only(self.filter) {
            Filter::Test(field, _) if set.is_some() && *field != Field::PicHash => "1".to_owned(),
            _ => self.condition(self.filter, &mut statement),
        };
        let place = self.place(step, &walk, &mut statement);
        let limit = statement.bind(limit as i64);
        let direction = |ascending: bool| if ascending == backward { "DESC" } else { "ASC" };
        let keys: Vec<String> = walk
            .keys
            .iter()
            .enumerate()
            .map(|(at, key)| {
                // Whatever is sorted by, numbers ascend.
                format!("{key} {}", direction(order.ascending || at > 0 || walk.first.is_none()))
            })
            .collect();
        statement.text = format!(
            "SELECT {} FROM {from} WHERE {} AND ({wanted}) AND ({place}) ORDER BY {} LIMIT {limit}",
            walk.id,
            walk.condition,
            keys.join(", ")
        );
        statement
    }

    /// The place of a step, in terms of what is walked over, so that it is a range of it.
    fn place(&self, step: &Filter, walk: &Walk, statement: &mut Statement) -> String {
        match step {
            Filter::Test(field, Test::Compares(comparison)) if Some(*field) == walk.first => {
                statement.comparison(walk.keys.first().copied().unwrap_or("NULL"), comparison)
            }
            Filter::All(parts) if !parts.is_empty() => {
                let parts: Vec<String> = parts.iter().map(|part| self.place(part, walk, statement)).collect();
                parts.join(" AND ")
            }
            other => self.condition(other, statement),
        }
    }

    /// A filter in SQL.
    fn condition(&self, filter: &Filter, statement: &mut Statement) -> String {
        let joined = |parts: &[Filter], joint: &str, empty: &str, statement: &mut Statement| {
            let parts: Vec<String> =
                parts.iter().map(|part| format!("({})", self.condition(part, statement))).collect();
            if parts.is_empty() { empty.to_owned() } else { parts.join(joint) }
        };
        match filter {
            Filter::All(parts) => joined(parts, " AND ", "1", statement),
            Filter::Any(parts) => joined(parts, " OR ", "0", statement),
            Filter::Test(field @ (Field::LabelText | Field::LabelUser | Field::LabelTime), test) => {
                label_condition(*field, test, statement)
            }
            Filter::Test(Field::FunctionName, test) if self.noun == Noun::Function => {
                self.name_condition(test, statement)
            }
            Filter::Test(_, Test::Contains { needle, not }) if needle.is_empty() => {
                u8::from(!*not).to_string()
            }
            Filter::Test(field, Test::Contains { needle, not }) => {
                let text = column(self.noun, *field);
                if *field == Field::PicHash {
                    return statement.contains(&format!("printf('0x%x', {text})"), needle, *not);
                }
                statement.contains(text, needle, *not)
            }
            Filter::Test(field, Test::Compares(comparison)) => {
                statement.comparison(column(self.noun, *field), comparison)
            }
        }
    }

    fn name_condition(&self, test: &Test, statement: &mut Statement) -> String {
        let (id, text) = match statement.names {
            NameRows::Walked => ("n.id", "n.text"),
            _ => ("f.name_id", column(Noun::Function, Field::FunctionName)),
        };
        match test {
            Test::Contains { needle, not } if needle.is_empty() => u8::from(!*not).to_string(),
            Test::Contains { needle, not } => {
                let within = if *not { "NOT IN" } else { "IN" };
                match self.names.get(needle.as_str()) {
                    Some(Names::These(list, _)) => {
                        let list = statement.bind(list.clone());
                        format!("{id} {within} (SELECT value FROM json_each({list}))")
                    }
                    Some(Names::Many(query)) if statement.names == NameRows::Listed => {
                        let rows = query.as_ref().map_or_else(
                            || "name AS m WHERE".to_owned(),
                            |query| {
                                let query = statement.bind(query.clone());
                                format!(
                                    "name_trigram AS t CROSS JOIN name AS m ON m.id = t.rowid \
                                     WHERE t.name_trigram MATCH {query} AND"
                                )
                            },
                        );
                        let contains = statement.contains("m.text", needle, false);
                        format!("{id} {within} (SELECT m.id FROM {rows} {contains})")
                    }
                    _ => statement.contains(text, needle, *not),
                }
            }
            Test::Compares(Comparison::Text(operator @ (Operator::Equal | Operator::NotEqual), name)) => {
                let name = statement.bind(name.clone());
                format!("{id} {} (SELECT id FROM name WHERE text = {name})", sign(*operator))
            }
            Test::Compares(comparison) => statement.comparison(text, comparison),
        }
    }

    /// The set that the filter names, if it names one.
    fn set(&self, filter: &Filter, statement: &mut Statement) -> Option<Set> {
        let (from, rank) = match filter {
            Filter::All(parts) => {
                let sets = parts.iter().filter_map(|part| self.set(part, statement)).collect::<Vec<_>>();
                return sets.into_iter().min_by_key(|set| set.rank);
            }
            Filter::Any(parts) if parts.is_empty() => (
                "(SELECT NULL AS id WHERE 0) AS j CROSS JOIN function_search AS f ON f.id = j.id".to_owned(),
                0,
            ),
            Filter::Any(parts) => {
                let sets =
                    parts.iter().map(|part| self.set(part, statement)).collect::<Option<Vec<Set>>>()?;
                let ids: Vec<String> =
                    sets.iter().map(|set| format!("SELECT f.id FROM {}", set.from)).collect();
                let ids = ids.join(" UNION ");
                let from = format!("({ids}) AS d CROSS JOIN function_search AS f ON f.id = d.id");
                (from, sets.iter().map(|set| set.rank).max().unwrap_or(0))
            }
            Filter::Test(Field::FunctionName, Test::Contains { needle, not: false }) => {
                let Some(Names::These(list, true)) = self.names.get(needle.as_str()) else {
                    return None;
                };
                let list = statement.bind(list.clone());
                (format!("json_each({list}) AS j CROSS JOIN function_search AS f ON f.name_id = j.value"), 2)
            }
            Filter::Test(Field::FunctionName, Test::Compares(Comparison::Text(Operator::Equal, name)))
                if !name.is_empty() =>
            {
                let name = statement.bind(name.clone());
                let from = format!(
                    "(SELECT id FROM name WHERE text = {name}) AS j CROSS JOIN function_search AS f ON f.name_id = j.id"
                );
                (from, 3)
            }
            Filter::Test(field, Test::Compares(Comparison::Integer(Operator::Equal, number))) => {
                match field {
                    Field::FunctionId => {
                        let id = statement.bind(*number);
                        (
                            format!(
                                "(SELECT {id} AS id) AS j CROSS JOIN function_search AS f ON f.id = j.id"
                            ),
                            0,
                        )
                    }
                    Field::PicHash => {
                        let list = statement.bind(self.by_pichash.get(number)?.clone());
                        let from = format!(
                            "(SELECT DISTINCT value AS id FROM json_each({list})) AS j \
                         CROSS JOIN function_search AS f ON f.id = j.id"
                        );
                        (from, 1)
                    }
                    Field::SampleId => (of_samples("id", &statement.bind(*number)), 1),
                    Field::FamilyId => (of_samples("family_id", &statement.bind(*number)), 4),
                    _ => return None,
                }
            }
            Filter::Test(..) => return None,
        };
        Some(Set { from, rank })
    }
}

/// A filter without the lists of one around it.
fn only(filter: &Filter) -> &Filter {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => match parts.as_slice() {
            [part] => only(part),
            _ => filter,
        },
        Filter::Test(..) => filter,
    }
}

/// The functions of the samples with a certain value in a column.
fn of_samples(column: &str, value: &str) -> String {
    format!(
        "(SELECT * FROM sample WHERE {column} = {value} AND id >= 0) AS s CROSS JOIN function_search AS f \
         ON f.id BETWEEN s.lowest_function AND s.lowest_function + s.num_functions - 1"
    )
}

/// What is walked over, and its order.
struct Walk {
    from: &'static str,
    /// Joins the functions of each sample.
    functions_by_sample: bool,
    condition: &'static str,
    /// The number of the record.
    id: &'static str,
    /// What is sorted by; the number last.
    keys: Vec<&'static str>,
    /// The field of the first key.
    first: Option<Field>,
}

impl Walk {
    fn of(noun: Noun, field: Field, in_set: bool) -> Self {
        let id = column(noun, noun.id());
        let mut walk = Self {
            from: "function_search AS f",
            functions_by_sample: false,
            condition: "1",
            id,
            keys: if field == noun.id() { vec![id] } else { vec![column(noun, field), id] },
            first: Some(field),
        };
        match (noun, field) {
            (Noun::Family, _) => walk.from = "family_entry AS e",
            (Noun::Sample, Field::FamilyName) => {
                walk.from =
                    "family AS g CROSS JOIN sample AS s INDEXED BY sample_by_family ON s.family_id = g.id";
                walk.condition = "s.id >= 0";
                walk.keys = vec!["g.name", id];
            }
            (Noun::Sample, _) => {
                walk.from = "sample AS s";
                walk.condition = "s.id >= 0";
            }
            // Samples and their functions are numbered in the same order.
            (Noun::Function, Field::SampleId) if !in_set => {
                walk.from = "sample AS s";
                walk.functions_by_sample = true;
                walk.condition = "s.id >= 0";
                walk.keys = vec!["s.id", id];
            }
            (Noun::Function, Field::FamilyId) if !in_set => {
                walk.from = "sample AS s INDEXED BY sample_by_family";
                walk.functions_by_sample = true;
                walk.condition = "s.family_id >= 0";
                walk.keys = vec!["s.family_id", "s.id", id];
            }
            (Noun::Function, Field::FunctionName) if !in_set => {
                walk.from = "name AS n CROSS JOIN function_search AS f INDEXED BY function_search_name ON f.name_id = n.id";
                walk.keys = vec!["n.text", id];
            }
            (Noun::Function, _) => {}
        }
        // A field without values orders nothing.
        if walk.keys.first() == Some(&"NULL") {
            walk.keys.remove(0);
            walk.first = None;
        }
        walk
    }
}

/// The least and the highest number of functions that a step of a page allows.
fn bounds(step: &Filter) -> (i64, i64) {
    match step {
        Filter::All(parts) => parts
            .iter()
            .map(bounds)
            .fold((i64::MIN, i64::MAX), |(least, most), (l, m)| (least.max(l), most.min(m))),
        Filter::Test(Field::FunctionId, Test::Compares(Comparison::Integer(operator, number))) => {
            match operator {
                Operator::Greater => (number.saturating_add(1), i64::MAX),
                Operator::Less => (i64::MIN, number.saturating_sub(1)),
                _ => (i64::MIN, i64::MAX),
            }
        }
        _ => (i64::MIN, i64::MAX),
    }
}

/// A condition on the labels of a function; see `record` for its meaning.
fn label_condition(field: Field, test: &Test, statement: &mut Statement) -> String {
    let text = label_column(field);
    let mut any = |condition: &dyn Fn(&mut Statement) -> String| {
        let condition = condition(statement);
        // Not the view `label`: its checks must not stand beside an equality (`checksums`).
        format!(
            "EXISTS (SELECT 1 FROM function_label AS l JOIN label_author AS a ON a.id = l.author \
             WHERE l.function_id = f.id AND {condition})"
        )
    };
    match test {
        Test::Contains { needle, not } => {
            let some = any(&|statement| statement.contains(text, needle, false));
            if *not {
                format!(
                    "NOT {some} AND EXISTS (SELECT 1 FROM function_label AS l WHERE l.function_id = f.id)"
                )
            } else {
                some
            }
        }
        Test::Compares(Comparison::Text(Operator::NotEqual, name)) => {
            let equal = Comparison::Text(Operator::Equal, name.clone());
            format!("NOT {}", any(&|statement| statement.comparison(text, &equal)))
        }
        Test::Compares(comparison) => any(&|statement| statement.comparison(text, comparison)),
    }
}
