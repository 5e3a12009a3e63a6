// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Experiments

@Suite("The folder of an experiment's data")
struct WorkFolderTests {
    @Test("goes when it is removed, and with all others when the process ends at once")
    func removal() throws {
        let (first, second) = (try WorkFolder(), try WorkFolder())
        for folder in [first, second] {
            try Data("x".utf8).write(to: URL(fileURLWithPath: "\(folder.path)/data"))
        }
        first.remove()
        #expect(!FileManager.default.fileExists(atPath: first.path))
        #expect(FileManager.default.fileExists(atPath: second.path))
        WorkFolder.removeAll()
        #expect(!FileManager.default.fileExists(atPath: second.path))
    }
}
