// SPDX-License-Identifier: Apache-2.0

internal import Resilience

extension ScenarioReader {
    /// Checks a template's syntax and the names in its holes.
    func readTemplate(_ text: String, in node: ScriptNode, _ variables: JourneyVariables) -> TextTemplate? {
        let template: TextTemplate
        do {
            template = try TextTemplate(text)
        } catch {
            reader.report(node.position(ofScalar: error.offset), error.message)
            return nil
        }
        for (segment, offset) in zip(template.segments, template.offsets) {
            let place = node.position(ofScalar: offset)
            switch segment {
            case .variable(let name): _ = isKnown(name, at: place, variables)
            case .user(let column): checkColumn(column, of: "users", at: place)
            case .random(let table, let column):
                guard let system, isSocial(system, at: place) else { break }
                if reader.reference(table, "table", among: SocialNetwork.tables.keys.sorted(), at: place) {
                    checkColumn(column, of: table, at: place)
                    if table == "posts", !hasPosts {
                        reader.report(place, "there are no posts to draw from: the population has 'posts: 0'")
                    }
                }
            default: break
            }
        }
        return template
    }

    private func checkColumn(_ column: String, of table: String, at place: ScriptPosition) {
        guard let system, isSocial(system, at: place) else { return }
        _ = reader.reference(column, "column of \(table)", among: SocialNetwork.tables[table] ?? [], at: place)
    }

    private func isSocial(_ system: Scenario.System, at place: ScriptPosition) -> Bool {
        if system == .social { return true }
        reader.report(
            place, "only the social network has users and posts to draw from; this script's system is '\(system.word)'")
        return false
    }

    func isKnown(_ name: String, at place: ScriptPosition, _ variables: JourneyVariables) -> Bool {
        if variables.known.contains(name) { return true }
        if let capture = variables.captures[name] {
            reader.report(
                place, "the variable \(name.quoted) is used before it is captured; line \(capture.line) captures it")
        } else {
            let built = ["user.id", "user.name", "user.token", "uuid", "counter", "now"]
            let names = variables.captures.keys.sorted() + built
            let captured = variables.captures.keys.sorted().joined(separator: ", ")
            reader.report(
                place,
                "no step captures the variable \(name.quoted)"
                    + (NearestName.find(name, in: names).map { "; did you mean \($0.quoted)?" } ?? "")
                    + (captured.isEmpty ? " (this journey captures nothing)" : " (captured: \(captured))"))
        }
        return false
    }
}
