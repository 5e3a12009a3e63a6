// SPDX-License-Identifier: Apache-2.0

internal import LoadGenerator
internal import Scenarios

/// Turns a script's text with holes into a template of the plan: names of tables, columns and variables become numbers.
struct TemplateCompiler: Sendable {
    /// Column names by table name and the table's index in the plan.
    var tables: [String: (index: Int, columns: [String])]
    /// Column names by feeder and the feeder's index in the plan.
    var feeders: [String: (index: Int, columns: [String])] = [:]
    /// Table of the session's user, when sessions have one.
    var userTable: String?
    /// Numbers of the variables that earlier steps of the journey capture.
    var variables: [String: Plan.Variable]
    /// Numbers of the values that the set-up captured.
    var shared: [String: Int] = [:]

    /// The number of a variable, a new one where it has none.
    mutating func variable(_ name: String) -> Plan.Variable {
        if let known = variables[name] { return known }
        let variable = Plan.Variable(index: variables.count)
        variables[name] = variable
        return variable
    }

    /// - Throws: `ExperimentError` that names what is unknown. Validation reports the same earlier, with line and column.
    func compile(_ text: String) throws(ExperimentError) -> Plan.Template {
        let template: TextTemplate
        do { template = try TextTemplate(text) } catch {
            throw ExperimentError(.script, "'\(text)': \(error.message)")
        }
        var segments: [Plan.Template.Segment] = []
        for segment in template.segments { segments.append(try compile(segment, in: text)) }
        return Plan.Template(segments)
    }

    private func compile(
        _ segment: TextTemplate.Segment, in text: String
    ) throws(ExperimentError) -> Plan.Template.Segment {
        switch segment {
        case .literal(let text): return .literal(Array(text.utf8))
        case .uuid: return .uuid
        case .counter: return .counter
        case .now(.milliseconds): return .now(.milliseconds)
        case .now(.unix): return .now(.seconds)
        case .now(.iso): return .now(.iso)
        case .base64(let inner):
            var segments: [Plan.Template.Segment] = []
            for segment in inner.segments { segments.append(try compile(segment, in: text)) }
            return .base64(segments)
        case .feeder(let feeder, let name):
            guard let (index, columns) = feeders[feeder], let column = columns.firstIndex(of: name) else {
                throw ExperimentError(.script, "'\(text)': there is no feeder '\(feeder)' with a column '\(name)'")
            }
            return .feeder(index, column: column)
        case .randomInteger(let range): return .randomInteger(range)
        case .randomText(let length): return .randomText(length: length)
        case .variable(let name):
            guard let variable = variables[name] else {
                if let index = shared[name] { return .shared(index) }
                throw ExperimentError(.script, "'\(text)': no earlier step of the journey captures '\(name)'")
            }
            return .variable(variable)
        case .user(let name):
            return .user(column: try column(name, of: userTable, in: text).column)
        case .random(let table, let name):
            let found = try column(name, of: table, in: text)
            return .random(table: found.table, column: found.column)
        }
    }

    private func column(
        _ name: String, of table: String?, in text: String
    ) throws(ExperimentError) -> (table: Int, column: Int) {
        guard let table, let (index, columns) = tables[table] else {
            throw ExperimentError(.script, "'\(text)': the system has no table '\(table ?? "users")'")
        }
        guard let column = columns.firstIndex(of: name) else {
            throw ExperimentError(
                .script, "'\(text)': the table \(table) has no column '\(name)'",
                advice: "its columns are: \(columns.joined(separator: ", "))")
        }
        return (index, column)
    }
}
