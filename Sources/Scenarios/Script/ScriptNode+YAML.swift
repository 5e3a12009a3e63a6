// SPDX-License-Identifier: Apache-2.0

internal import Yams

extension ScriptNode {
    /// Limits that no script for people reaches, and that bound what a hostile one can cost.
    enum Limit {
        static let bytes = 1 << 20
        static let depth = 64
        /// Nodes after aliases are expanded.
        static let nodes = 100_000
        /// `k` aliases can multiply a tree at most by about e^(k/e), which is 60,000 for 30: the parser compares keys with
        /// everything under them, so this must be bounded before it runs.
        static let aliases = 30
        static let duplicateKeys = 20
    }

    /// Parses YAML into a tree; the root of an empty script is null.
    ///
    /// Duplicate keys are reported and their later values left out, so that the rest of the script is checked as well. After a
    /// syntax error there is no tree.
    static func parse(_ text: ScriptText, faults: inout [ScenarioFault]) -> ScriptNode? {
        if let fault = bounds(of: text) {
            faults.append(fault)
            return nil
        }
        var source = text.text
        for _ in 0...Limit.duplicateKeys {
            do {
                // An anchor is held weakly by its node: the parser lives until the tree is built.
                let parser = try Parser(yaml: source, resolver: .basic, encoding: .utf8)
                let root = try parser.singleRoot()
                return try withExtendedLifetime(parser) {
                    guard let root else { return ScriptNode(value: .null, position: .init(line: 1, column: 1)) }
                    var builder = Builder(faults: faults)
                    let tree = try builder.node(root, depth: 0)
                    faults = builder.faults
                    return tree
                }
            } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
                let first = ScriptPosition(line: context.mark.line, column: context.mark.column)
                // The error names the first key in alphabetical order and its first place; the second is found in the text.
                let key = keys.min() ?? ""
                guard let place = DuplicateKey.find(key, after: first, in: ScriptText(source)) else {
                    faults.append(
                        ScenarioFault(position: first, message: "the key \(key.quoted) is there twice in this mapping"))
                    return nil
                }
                faults.append(
                    ScenarioFault(
                        position: place,
                        message:
                            "the key \(key.quoted) is there twice in this mapping; it is first in line \(first.line)"))
                source = DuplicateKey.marked(source, at: place)
            } catch let fault as ScenarioFault {
                faults.append(fault)
                return nil
            } catch let error as YamlError {
                faults.append(ScenarioFault(error, text: text))
                return nil
            } catch {
                faults.append(ScenarioFault(position: nil, message: "the script could not be read as YAML: \(error)"))
                return nil
            }
        }
        return nil
    }

    private static func bounds(of text: ScriptText) -> ScenarioFault? {
        var aliases = 0
        for number in 1...max(1, text.lineCount) {
            var previous: Character = " "
            for (column, character) in (text.line(number) ?? "").enumerated() {
                if previous == "*", character.isLetter || character.isNumber || character == "_" { aliases += 1 }
                if aliases > Limit.aliases {
                    return ScenarioFault(
                        position: ScriptPosition(line: number, column: column),
                        message: "too many aliases; a script may have \(Limit.aliases)")
                }
                previous = character
            }
        }
        return nil
    }

    /// Copies the parser's tree, with bounds.
    private struct Builder {
        var faults: [ScenarioFault]
        private var count = 0

        init(faults: [ScenarioFault]) { self.faults = faults }

        mutating func node(_ node: Node, depth: Int) throws(ScenarioFault) -> ScriptNode {
            let position = ScriptPosition(line: node.mark?.line ?? 1, column: node.mark?.column ?? 1)
            count += 1
            guard count <= Limit.nodes else {
                throw ScenarioFault(
                    position: position,
                    message: "the script is too large: more than \(Limit.nodes) values with its aliases")
            }
            guard depth <= Limit.depth else {
                throw ScenarioFault(position: position, message: "nested too deeply: more than \(Limit.depth) levels")
            }
            switch node {
            case .scalar(let scalar):
                let plain = scalar.style == .plain
                if plain, case .null = ScriptNode.meaning(scalar.string, plain: true) {
                    return ScriptNode(value: .null, position: position)
                }
                return ScriptNode(value: .scalar(scalar.string, plain: plain), position: position)
            case .sequence(let sequence):
                var items: [ScriptNode] = []
                for item in sequence { items.append(try self.node(item, depth: depth + 1)) }
                return ScriptNode(value: .list(items), position: position)
            case .mapping(let mapping):
                return ScriptNode(value: .map(try entries(mapping, depth: depth)), position: position)
            case .alias:
                // The parser replaces aliases by what they stand for.
                return ScriptNode(value: .null, position: position)
            }
        }

        private mutating func entries(_ mapping: Node.Mapping, depth: Int) throws(ScenarioFault) -> [Entry] {
            var entries: [Entry] = []
            var merged: [Entry] = []
            for (key, value) in mapping {
                let position = ScriptPosition(line: key.mark?.line ?? 1, column: key.mark?.column ?? 1)
                guard case .scalar(let scalar) = key else {
                    faults.append(
                        ScenarioFault(position: position, message: "a key is a word, not a list or a mapping"))
                    continue
                }
                if DuplicateKey.isMarked(scalar.string) { continue }
                let node = try self.node(value, depth: depth + 1)
                guard scalar.string == "<<", scalar.style == .plain else {
                    entries.append(Entry(key: scalar.string, keyPosition: position, value: node))
                    continue
                }
                for source in node.items ?? [node] {
                    guard let found = source.entries else {
                        faults.append(
                            ScenarioFault(
                                position: position, message: "'<<' merges mappings, and this is \(source.kind)"))
                        continue
                    }
                    merged += found
                }
            }
            // Earlier sources win over later ones, and the mapping's own keys over all of them.
            for entry in merged where !entries.contains(where: { $0.key == entry.key }) { entries.append(entry) }
            return entries
        }
    }
}

extension ScenarioFault {
    /// A syntax error in words.
    fileprivate init(_ error: YamlError, text: ScriptText) {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let position = ScriptPosition(line: mark.line, column: mark.column)
            let about = context.map { " (\($0.text) that starts in line \($0.mark.line))" } ?? ""
            if problem.contains("another document") {
                self.init(position: position, message: "a script is one YAML document, and here another one begins")
                return
            }
            let tab = text.line(mark.line)?.prefix { $0 == " " || $0 == "\t" }.contains("\t") == true
            let inBraces = problem.contains("expected ',' or")
            let hint =
                tab
                ? "; indent with spaces, not with tabs"
                : inBraces ? "; inside {…} and […], a text with brackets, braces or commas stands in quotes" : ""
            self.init(position: position, message: "this is not YAML: \(problem)\(about)\(hint)")
        case .reader(let problem, let offset, _, let yaml):
            var position: ScriptPosition?
            if let offset {
                let before = ScriptText(String(yaml.prefix(offset)))
                let column = (before.line(before.lineCount)?.unicodeScalars.count ?? 0) + 1
                position = ScriptPosition(line: before.lineCount, column: column)
            }
            self.init(position: position, message: "this is not YAML: \(problem)")
        default:
            self.init(position: nil, message: "this is not YAML: \(error)")
        }
    }
}
