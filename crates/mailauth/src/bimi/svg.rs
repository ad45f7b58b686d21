//! The picture: SVG Tiny 1.2 Portable/Secure, which is SVG without anything that moves, runs or
//! is fetched from elsewhere.

use crate::reading::{Reading, Remarks, quoted};
use roxmltree::{Document, Node, ParsingOptions};

/// What there is to say about a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each name is the remark; the sentence beside it says the rest")]
pub enum PictureOddity {
    TooLong,
    NotXml,
    NotSvg,
    VersionWrong,
    ProfileWrong,
    TitleMissing,
    TitleLong,
    NotSquare,
    SizeRelative,
    PositionGiven,
    ElementForbidden,
    FromElsewhere,
    RunsCode,
}

/// What the picture says about itself.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Picture {
    /// The title.
    pub title: Option<Box<str>>,
    /// Width and height of the view box.
    pub view: Option<(f64, f64)>,
}

/// Receivers want no more than this.
const PICTURE_BYTES_RECOMMENDED: usize = 32 * 1024;
const PICTURE_BYTES_MAX: usize = 1024 * 1024;
const NODES_MAX: u32 = 50_000;
const TITLE_CHARS_MAX: usize = 64;

/// Elements that the profile leaves out.
const FORBIDDEN: [&str; 17] = [
    "script",
    "image",
    "video",
    "audio",
    "animation",
    "animate",
    "animateColor",
    "animateMotion",
    "animateTransform",
    "set",
    "foreignObject",
    "a",
    "handler",
    "listener",
    "discard",
    "prefetch",
    "tbreak",
];

/// Reads the text of a picture, not compressed.
pub fn read_picture(text: &str) -> Reading<Picture, PictureOddity> {
    use PictureOddity as O;
    let mut remarks = Remarks::new();
    let mut picture = Picture::default();
    if text.len() > PICTURE_BYTES_RECOMMENDED {
        let what = format!("the picture has {} KB; receivers want at most 32", text.len() / 1024);
        remarks.add(O::TooLong, 0..0, what);
        if text.len() > PICTURE_BYTES_MAX {
            return remarks.into_reading(picture, None);
        }
    }
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = match Document::parse_with_options(text, options) {
        Ok(document) => document,
        Err(error) => {
            let at = offset(text, error.pos());
            remarks.add(O::NotXml, at..at, format!("this is not the XML that BIMI allows: {error}"));
            return remarks.into_reading(picture, None);
        }
    };
    let root = document.root_element();
    if root.tag_name().name() != "svg" {
        let what = format!("the picture is {} and not svg", quoted(root.tag_name().name()));
        remarks.add(O::NotSvg, opening(&root, text), what);
        return remarks.into_reading(picture, None);
    }
    outermost(&root, text, &mut picture, &mut remarks);
    for node in root.descendants().filter(Node::is_element) {
        element(&node, text, &mut remarks);
    }
    remarks.into_reading(picture, None)
}

/// What the profile asks of the first element and of the title in it.
fn outermost(root: &Node<'_, '_>, text: &str, picture: &mut Picture, remarks: &mut Remarks<PictureOddity>) {
    use PictureOddity as O;
    let place = || opening(root, text);
    if root.attribute("version") != Some("1.2") {
        remarks.add(O::VersionWrong, place(), "the svg element must say version=\"1.2\"");
    }
    if root.attribute("baseProfile") != Some("tiny-ps") {
        remarks.add(O::ProfileWrong, place(), "the svg element must say baseProfile=\"tiny-ps\"");
    }
    for name in ["x", "y"] {
        if let Some(attribute) = root.attribute_node(name) {
            let what = format!("the svg element must not have {name}=");
            remarks.add(O::PositionGiven, attribute.range(), what);
        }
    }
    for name in ["width", "height"] {
        if let Some(attribute) = root.attribute_node(name).filter(|attribute| attribute.value().ends_with('%')) {
            remarks.add(O::SizeRelative, attribute.range(), format!("{name} must not be a part of something else"));
        }
    }
    picture.view = root.attribute("viewBox").and_then(view);
    if let Some((width, height)) =
        picture.view.filter(|(width, height)| (width - height).abs() > 0.01 * width.max(*height))
    {
        let what = format!("the picture should be a square, and is {width} by {height}");
        remarks.add(O::NotSquare, place(), what);
    }
    let title = root.children().find(|node| node.has_tag_name_in("title"));
    let words = title.and_then(|title| title.text()).unwrap_or_default().trim();
    if words.is_empty() {
        remarks.add(O::TitleMissing, place(), "the picture needs a title element with the name of the brand in it");
    } else if words.chars().count() > TITLE_CHARS_MAX {
        let range = title.map_or_else(place, |title| title.range());
        remarks.add(O::TitleLong, range, "the title should have at most 64 characters");
    }
    picture.title = (!words.is_empty()).then(|| words.chars().take(256).collect::<String>().into());
}

fn element(node: &Node<'_, '_>, text: &str, remarks: &mut Remarks<PictureOddity>) {
    use PictureOddity as O;
    let name = node.tag_name().name();
    if FORBIDDEN.contains(&name) {
        remarks.add(O::ElementForbidden, opening(node, text), format!("the element {name} is not allowed"));
    }
    for attribute in node.attributes() {
        let value = attribute.value().trim();
        if attribute.name() == "href" && !value.is_empty() && !value.starts_with('#') {
            let what = format!("{} points out of the picture", quoted(value));
            remarks.add(O::FromElsewhere, attribute.range(), what);
        }
        let lower = value.get(..11).unwrap_or_default().to_ascii_lowercase();
        let event = attribute.name().len() > 2 && attribute.name().starts_with("on");
        if event || lower == "javascript:" {
            remarks.add(O::RunsCode, attribute.range(), format!("{} would run code", attribute.name()));
        }
    }
}

/// The tag that opens an element, without what is in it.
fn opening(node: &Node<'_, '_>, text: &str) -> std::ops::Range<usize> {
    let range = node.range();
    let inside = text.get(range.clone()).unwrap_or_default();
    let length = inside.find('>').map_or(inside.len(), |end| end + 1);
    range.start..range.start + length
}

trait Tagged {
    fn has_tag_name_in(&self, name: &str) -> bool;
}

impl Tagged for Node<'_, '_> {
    /// By name, whatever the namespace.
    fn has_tag_name_in(&self, name: &str) -> bool {
        self.is_element() && self.tag_name().name() == name
    }
}

fn view(value: &str) -> Option<(f64, f64)> {
    let mut numbers = value.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
    let mut number = || numbers.next()?.parse::<f64>().ok().filter(|number| number.is_finite());
    let (_, _, width, height) = (number()?, number()?, number()?, number()?);
    Some((width, height))
}

/// Lines and columns, both from one, as octets from the start.
fn offset(text: &str, at: roxmltree::TextPos) -> usize {
    let row = usize::try_from(at.row).unwrap_or(1).max(1);
    let column = usize::try_from(at.col).unwrap_or(1).max(1);
    let line: usize = text.split_inclusive('\n').take(row - 1).map(str::len).sum();
    let rest = text.get(line..).unwrap_or_default();
    line + rest.char_indices().nth(column - 1).map_or(rest.len(), |(offset, _)| offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use PictureOddity as O;

    #[test]
    fn pictures_and_what_is_remarked() {
        let good = r##"<svg xmlns="http://www.w3.org/2000/svg" version="1.2" baseProfile="tiny-ps" viewBox="0 0 64 64"><title>A</title><g id="c"/><use href="#c"/></svg>"##;
        let table = [
            (good.to_owned(), vec![]),
            (format!("<?xml version=\"1.0\"?>\n{good}\n"), vec![]),
            (good.replace("tiny-ps", "tiny"), vec![O::ProfileWrong]),
            (good.replace("\"1.2\"", "\"1.1\""), vec![O::VersionWrong]),
            (good.replace("<title>A</title>", ""), vec![O::TitleMissing]),
            (good.replace(">A<", &format!(">{}<", "A".repeat(65))), vec![O::TitleLong]),
            (good.replace("64 64", "64 32"), vec![O::NotSquare]),
            (good.replace("viewBox", "x=\"1\" viewBox"), vec![O::PositionGiven]),
            (good.replace("viewBox", "width=\"100%\" viewBox"), vec![O::SizeRelative]),
            (good.replace("#c", "https://x.example/a.svg"), vec![O::FromElsewhere]),
            (good.replace("<g ", "<g onclick=\"x()\" "), vec![O::RunsCode]),
            (good.replace("<g id", "<script/><image/><g id"), vec![O::ElementForbidden, O::ElementForbidden]),
            (format!("<!DOCTYPE svg [<!ENTITY a \"b\">]>{good}"), vec![O::NotXml]),
            (good.replace("</svg>", ""), vec![O::NotXml]),
            ("<html/>".to_owned(), vec![O::NotSvg]),
            (good.replace("<g ", &format!("<!--{}--><g ", "x".repeat(40_000))), vec![O::TooLong]),
        ];
        for (text, want) in table {
            let read = read_picture(&text);
            assert_eq!(read.kinds(), want, "{text:.200}");
            assert!(read.remarks.iter().all(|remark| text.get(remark.span.clone()).is_some()));
        }
        let picture = read_picture(good).value;
        assert_eq!((picture.title.as_deref(), picture.view), (Some("A"), Some((64.0, 64.0))));
    }
}
