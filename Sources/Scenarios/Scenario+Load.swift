// SPDX-License-Identifier: Apache-2.0

internal import Foundation

extension Scenario {
    /// The largest script, in bytes.
    package static let sizeLimit = ScriptNode.Limit.bytes

    /// Reads and checks a script.
    ///
    /// A script without a `name` is named after its file. Paths inside the script are relative to its folder.
    /// - Throws: All that is wrong with it at once, or the one fault that keeps the file from being read.
    package static func load(path: String) throws(ScenarioFaults) -> Scenario {
        func unreadable(_ message: String) -> ScenarioFaults {
            ScenarioFaults(file: path, faults: [ScenarioFault(position: nil, message: message)], text: ScriptText(""))
        }
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw unreadable("there is no such file")
        }
        guard !isDirectory.boolValue else { throw unreadable("this is a folder; name a script in it") }
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw unreadable("the file can't be read; check its permissions")
        }
        defer { try? handle.close() }
        let bytes: [UInt8]
        do {
            // One byte more than allowed: a file without an end, like a device, is read no further.
            bytes = Array(try handle.read(upToCount: sizeLimit + 1) ?? Data())
        } catch {
            throw unreadable("the file can't be read: \(error.localizedDescription)")
        }
        guard bytes.count <= sizeLimit else {
            throw unreadable("the file is larger than \(sizeLimit >> 10) KiB; this is no scenario script")
        }
        let url = URL(fileURLWithPath: path)
        return try parse(
            bytes, file: path, fallbackName: url.deletingPathExtension().lastPathComponent,
            folder: url.deletingLastPathComponent().path)
    }

    /// Reads and checks the text of a script.
    ///
    /// - Parameters:
    ///   - file: The name to show in messages.
    ///   - folder: What paths inside the script are relative to.
    /// - Throws: All that is wrong with it.
    package static func parse(
        _ text: String, file: String = "scenario.yaml", folder: String = "."
    ) throws(ScenarioFaults) -> Scenario {
        try parse(Array(text.utf8), file: file, fallbackName: "scenario", folder: folder)
    }

    private static func parse(
        _ bytes: [UInt8], file: String, fallbackName: String, folder: String
    ) throws(ScenarioFaults) -> Scenario {
        let text: ScriptText
        do {
            text = try ScriptText(bytes: bytes)
        } catch {
            throw ScenarioFaults(file: file, faults: [error], text: ScriptText(String(decoding: bytes, as: UTF8.self)))
        }
        var faults: [ScenarioFault] = []
        guard let root = ScriptNode.parse(text, faults: &faults) else {
            throw ScenarioFaults(file: file, faults: faults, text: text)
        }
        let reader = ScriptReader(faults: faults)
        let scenario = ScenarioReader(root, folder: folder, reader: reader)?
            .scenario(fallbackName: fallbackName, source: text.text)
        guard reader.faults.isEmpty, let scenario else {
            throw ScenarioFaults(file: file, faults: reader.faults, text: text)
        }
        return scenario
    }
}
